// Forms that send files.
import "../ui/upload";
