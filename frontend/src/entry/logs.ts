// The log page.
import "../logs/element";
