// One question before something is lost. Forms ask with `data-confirm`; scripts call `confirm`.

import { el } from "./dom";

/** What the dialog asks. */
export interface Question {
  question: string;
  explain: string;
  /** The word on the button that does it. */
  verb: string;
  danger: boolean;
}

/** Shows the dialog; true when the person said yes. Escape and a press outside mean no. */
export function confirm({ question, explain, verb, danger }: Question): Promise<boolean> {
  const no = el("button", { class: "btn", value: "no", autofocus: true }, "Cancel");
  const yes = el(
    "button",
    { class: danger ? "btn btn-danger btn-solid" : "btn btn-primary", value: "yes" },
    verb,
  );
  const form = el("form", { method: "dialog", class: "dialog-foot" }, no, yes);
  const head = el("h2", { id: "confirm-question" }, question);
  const body = el("div", { class: "dialog-body" }, head);
  if (explain) body.append(el("p", { id: "confirm-explain" }, explain));
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": "confirm-question" }, body, form);
  if (explain) dialog.setAttribute("aria-describedby", "confirm-explain");
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close("no");
  });
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** Asks before any form with `data-confirm` is sent, then sends it with the button that was pressed. */
export function wireConfirm(): void {
  const agreed = new WeakSet<HTMLFormElement>();
  addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.dataset["confirm"] || agreed.delete(form)) return;
      event.preventDefault();
      event.stopPropagation();
      const submitter = event.submitter;
      submitter?.closest("details.menu")?.removeAttribute("open");
      const ask = {
        question: form.dataset["confirm"],
        explain: form.dataset["explain"] ?? "",
        verb: form.dataset["verb"] ?? "Yes",
        danger: true,
      };
      void confirm(ask).then((yes) => {
        if (!yes) {
          // The button may be in a menu that has closed meanwhile.
          (submitter?.closest("details.menu")?.querySelector("summary") ?? submitter)?.focus();
          return;
        }
        agreed.add(form);
        form.requestSubmit(submitter);
      });
    },
    true,
  );
}
