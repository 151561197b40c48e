// A base image without any registry: Debian's own packages, as a job that one can watch.
import { chapter, open } from "../support/browser";
import { create, signUp } from "../support/console";

const page = await open();
const main = page.locator("main");

chapter("Bootstrap Debian is one click from an empty list of images", async () => {
  await signUp(page);
  await page.getByRole("link", { name: "Images", exact: true }).click();
  await main.getByRole("link", { name: "Bootstrap Debian" }).click();
  await main.getByRole("button", { name: "Bootstrap", exact: true }).click();
  await page.waitForURL("**/jobs/*");
  await page.locator('orlop-job[data-state="running"]').waitFor();
});

chapter(
  "its log is live, and it ends with an image",
  async () => {
    await page.locator("[data-part=log] .log-line").nth(3).waitFor({ timeout: 120_000 });
    await page.locator('orlop-job[data-state="done"]').waitFor({ timeout: 300_000 });
    await main.getByRole("link", { name: "Show the image" }).click();
    await main.getByRole("heading", { level: 1, name: "debian:bookworm" }).waitFor();
  },
  420_000,
);

chapter("a container of it runs Debian", async () => {
  const more = { Command: "cat /etc/debian_version" };
  await create(page, { image: "debian:bookworm", name: "version", more });
  await main.getByRole("link", { name: "Logs" }).click();
  await page.locator(".log-line", { hasText: /12\.\d+/ }).waitFor();
});
