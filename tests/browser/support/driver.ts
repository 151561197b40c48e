// The Rust test that runs a spec: what it tells by the environment, and what it does on request. A line
// "ask <verb>" on standard output asks; one line on standard input answers.
import { execFile } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** A value that the Rust test passes on. */
export function told(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run this with cargo xtask test console`);
  return value;
}

/** Address of the console, without a slash at its end. */
export const address = told("ORLOP_URL");

const answers = createInterface({ input: process.stdin });
const waiting: ((answer: string) => void)[] = [];
answers.on("line", (line) => waiting.shift()?.(line));
// Nobody waits for an answer: standard input must not keep the process.
const { stdin } = process;
stdin.unref();

async function ask(verb: string): Promise<void> {
  stdin.ref();
  const answer = new Promise<string>((resolve) => waiting.push(resolve));
  process.stdout.write(`ask ${verb}\n`);
  const text = await answer;
  stdin.unref();
  if (text !== "done") throw new Error(`${verb}: ${text}`);
}

/** Kills supervisor, server and worker at once; containers go on. */
export const killServer = (): Promise<void> => ask("kill");
/** Starts the server again, at the same address. */
export const launchServer = (): Promise<void> => ask("launch");

/** Kills the server and starts it again. */
export async function restartServer(): Promise<void> {
  await killServer();
  await launchServer();
}

const run = promisify(execFile);

/** `docker …` against this server; its standard output without the last line end. */
export async function docker(...words: string[]): Promise<string> {
  const { stdout } = await run("docker", words, { maxBuffer: 64 << 20 });
  return stdout.trimEnd();
}

/** Asks again and again until there is an answer; fails after `patience` milliseconds. */
export async function until<T>(
  what: string,
  question: () => Promise<T | false | undefined | null>,
  patience = 30_000,
): Promise<T> {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await question();
    if (answer !== false && answer !== undefined && answer !== null) return answer;
    if (Date.now() > end) throw new Error(`gave up waiting: ${what}`);
    // The pause between two questions, not a wait for an effect.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
