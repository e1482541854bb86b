/** A directory for handoff files of somebody else, removed after the test. */
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export function handoffDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'poold-external-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** As a careful program writes one: whole beside it, then by rename. */
export function announce(directory: string, name: string, content: unknown): void {
  const path = join(directory, `${name}.json`);
  writeFileSync(`${path}.new`, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(`${path}.new`, 0o640);
  renameSync(`${path}.new`, path);
}

export const OWNERS = new Set([process.geteuid?.() ?? 0]);
