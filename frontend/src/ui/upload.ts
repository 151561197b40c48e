// <orlop-upload name>: a drop zone with a list in place of two file inputs, and progress while it is sent.
// The form stays a multipart form: without script the plain inputs post the same parts.

import { button, el, icon } from "./dom";
import { dropped } from "./drop";
import { type Chosen, merge, strip } from "./files";
import { bytes, span } from "./format";

const LISTED = 200;

class Upload extends HTMLElement {
  #files: Chosen<File>[] = [];
  #list = el("ul", { class: "drop-list", hidden: true, "aria-label": "Chosen files" });
  #sum = el("div", { class: "drop-sum", role: "status" });
  #request: XMLHttpRequest | undefined;

  connectedCallback(): void {
    if (this.querySelector(".drop")) return;
    const inputs = [...this.querySelectorAll<HTMLInputElement>("input[type=file]")];
    for (const input of inputs) {
      input.addEventListener("change", () => this.#chosen(input));
      const field = input.closest(".field");
      (field && this.contains(field) ? field : input).setAttribute("hidden", "");
      // A hidden required field would stop the form without a word.
      input.required = false;
    }
    const zone = el(
      "div",
      { class: "drop" },
      icon("upload"),
      el("strong", {}, this.dataset["label"] ?? "Drop files or a folder here"),
    );
    const row = el("div", { class: "row" });
    for (const input of inputs) {
      const folder = input.webkitdirectory;
      row.append(button(words(input), "btn-small", () => input.click(), folder ? "folder" : "file"));
    }
    zone.append(row);
    this.#wireDrop(zone);
    this.append(zone, this.#list, this.#sum);
    this.closest("form")?.addEventListener("submit", (event) => this.#submit(event));
  }

  /** Files kept across a page that came back with errors. */
  adopt(files: Chosen<File>[]): void {
    this.#add(files);
  }

  #wireDrop(zone: HTMLElement): void {
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.dataset["over"] = "";
    });
    zone.addEventListener("dragleave", () => delete zone.dataset["over"]);
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      delete zone.dataset["over"];
      if (event.dataTransfer) void dropped(event.dataTransfer).then((files) => this.#add(strip(files)));
    });
  }

  #chosen(input: HTMLInputElement): void {
    const files = [...(input.files ?? [])].map((file) => ({
      path: file.webkitRelativePath || file.name,
      file,
    }));
    this.#add(strip(files));
    // Emptied, so that the form does not send the same file twice.
    input.value = "";
  }

  #add(files: Chosen<File>[]): void {
    this.#files = this.hasAttribute("single") ? files.slice(0, 1) : merge(this.#files, files);
    this.#draw();
  }

  #draw(): void {
    const files = this.#files;
    this.#list.hidden = files.length === 0;
    this.#list.replaceChildren(...files.slice(0, LISTED).map((one) => this.#row(one)));
    if (files.length > LISTED) this.#list.append(el("li", {}, `and ${files.length - LISTED} more`));
    const total = files.reduce((sum, one) => sum + one.file.size, 0);
    const words =
      files.length === 0 ? "" : `${files.length} ${files.length === 1 ? "file" : "files"}, ${bytes(total)}`;
    this.#sum.replaceChildren(el("span", {}, words));
  }

  #row(one: Chosen<File>): HTMLElement {
    const remove = () => {
      this.#files = this.#files.filter((other) => other !== one);
      this.#draw();
    };
    const drop = button(`Leave out ${one.path}`, "btn-icon btn-quiet btn-small", remove, "cross");
    return el("li", {}, el("span", {}, one.path), el("small", {}, bytes(one.file.size)), drop);
  }

  #submit(event: SubmitEvent): void {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || this.#files.length === 0) return;
    event.preventDefault();
    if (this.#request) return;
    const data = new FormData(form, event.submitter);
    for (const input of this.querySelectorAll<HTMLInputElement>("input[type=file]")) data.delete(input.name);
    const name = this.getAttribute("name") ?? "files";
    for (const { path, file } of this.#files) data.append(name, file, path);
    this.#send(form, data, event.submitter);
  }

  #send(form: HTMLFormElement, data: FormData, pressed: HTMLElement | null): void {
    const request = new XMLHttpRequest();
    this.#request = request;
    const begun = performance.now();
    const bar = el("progress", { class: "progress", max: 1, value: 0, "aria-label": "Upload" });
    const words = el("span", {}, "Starting");
    const stop = button("Cancel upload", "btn-small btn-quiet", () => request.abort());
    this.#sum.replaceChildren(bar, words, stop);
    pressed?.setAttribute("aria-disabled", "true");
    const again = (text: string) => {
      this.#request = undefined;
      pressed?.removeAttribute("aria-disabled");
      pressed?.removeAttribute("aria-busy");
      this.#sum.replaceChildren(el("span", { class: "field-error" }, text));
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = total > 0 ? loaded / total : 0;
      const left = ((performance.now() - begun) / Math.max(loaded, 1)) * (total - loaded);
      words.textContent =
        loaded < total
          ? `${bytes(loaded)} of ${bytes(total)} · ${span(left)} left`
          : "Sent, the server is reading it";
    });
    request.addEventListener("load", () => this.#answered(request, again));
    request.addEventListener("error", () => again("The connection broke. Nothing was built; send it again."));
    request.addEventListener("abort", () => again("Upload cancelled."));
    request.open("POST", form.action);
    request.setRequestHeader(
      "x-csrf-token",
      document.querySelector<HTMLMetaElement>('meta[name="csrf"]')?.content ?? "",
    );
    request.send(data);
  }

  /** As a browser would: a redirect was followed, so go where it led; else show the page that came back. */
  #answered(request: XMLHttpRequest, again: (text: string) => void): void {
    if (request.status < 400) {
      location.assign(request.responseURL || location.href);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const next = page.querySelector("main");
    const here = document.querySelector("main");
    if (!next || !here) {
      again(`The server refused it: ${request.status} ${request.responseText.slice(0, 300)}`);
      return;
    }
    const files = this.#files;
    here.replaceWith(document.adoptNode(next));
    document.querySelector<Upload>("orlop-upload")?.adopt(files);
    document.querySelector<HTMLElement>("[aria-invalid], [role=alert]")?.scrollIntoView({ block: "center" });
    document.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }
}

function words(input: HTMLInputElement): string {
  if (input.webkitdirectory) return "Choose a folder";
  return input.multiple ? "Choose files" : "Choose a file";
}

customElements.define("orlop-upload", Upload);
