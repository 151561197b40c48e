// Switching the theme without a reload. The server reads the same cookie, so the next page is right from its
// first byte; without script the form posts and the server sets the cookie.

const COOKIE = "orlop_theme";
const YEAR_S = 31_536_000;

/** Takes over the theme form of the shell. */
export function wireTheme(form: HTMLFormElement): void {
  form.addEventListener("submit", (event) => {
    const pressed = event.submitter;
    if (!(pressed instanceof HTMLButtonElement)) return;
    event.preventDefault();
    const root = document.documentElement;
    if (pressed.value === "system") delete root.dataset["theme"];
    else root.dataset["theme"] = pressed.value;
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in Firefox before 140
    document.cookie = `${COOKIE}=${pressed.value}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax`;
    for (const button of form.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button === pressed));
  });
}
