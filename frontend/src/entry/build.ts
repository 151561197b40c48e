// The page of one build.
import "../build/steps";
