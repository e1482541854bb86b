// Loaded into a daemon by NODE_OPTIONS: at SIGUSR2 it writes what it holds into a file that is named for how often it was asked.
import { renameSync, writeFileSync } from 'node:fs';

let asked = 0;
process.on('SIGUSR2', () => {
  asked += 1;
  globalThis.gc();
  const active = {};
  for (const name of process.getActiveResourcesInfo()) active[name] = (active[name] ?? 0) + 1;
  const { heapUsed, rss } = process.memoryUsage();
  const file = `${process.env.POOLD_TELLS_RESOURCES}.${asked}`;
  writeFileSync(`${file}.new`, JSON.stringify({ active, heapBytes: heapUsed, rssBytes: rss }));
  renameSync(`${file}.new`, file);
});
