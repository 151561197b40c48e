// The terminal page. xterm.js comes as a chunk of its own, after the page is there.
import "../shell/terminal";
