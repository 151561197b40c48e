// Every page: small comforts on top of plain HTML. Nothing here is needed for the page to work.
import { wireConfirm } from "../ui/confirm";
import { wireBusy, wireCopy, wireMenus, wireTimes } from "../ui/page";
import { wireTheme } from "../ui/theme";

document.documentElement.classList.add("has-script");
const theme = document.querySelector<HTMLFormElement>("form.theme");
if (theme) wireTheme(theme);
wireConfirm();
wireBusy();
wireMenus();
wireCopy();
wireTimes();
