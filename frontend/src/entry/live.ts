// Pages whose rows, badges and figures change while one looks at them.
import "../live/list";
