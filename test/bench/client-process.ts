/** Clients that are a process of their own: they shall not wait for the one that measures. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** Runs a file of this directory; `ended` is the JSON that it printed, and rejects when it ended otherwise. */
export function clientProcess<Told>(file: string, words: readonly string[]): { readonly ended: Promise<Told> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, file), ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<Told>((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(said) as Told);
      else reject(new Error(`cannot measure: ${file} ended by ${code}`));
    });
  });
  return { ended };
}
