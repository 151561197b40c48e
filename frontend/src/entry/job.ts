// The page of one job.
import "../jobs/progress";
