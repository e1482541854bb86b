import { mkdirSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EvidenceOptions } from '../../src/engine/logs/evidence.ts';
import { gatherEvidence } from '../../src/engine/logs/evidence.ts';
import type { EngineLog } from '../../src/engine/logs/log-file.ts';
import { compilePatterns, firstMatch } from '../../src/engine/logs/patterns.ts';
import { chatLog, freshDir, numbered } from './log-dir.ts';

const patterns = compilePatterns([
  { pattern: 'out of memory', class: 'gpu_oom' },
  { pattern: 'CUDA error', class: 'gpu' },
]);

async function crashed(text: string): Promise<EngineLog> {
  const log = await chatLog(freshDir());
  await log.started(1);
  writeSync(log.fd(), text);
  return log;
}

function evidence(log: EngineLog, more: Partial<EvidenceOptions> = {}) {
  return gatherEvidence({ log, generation: 1, endedAtMs: log.clock.wallMs(), patterns, cgroup: null, ...more });
}

describe('evidence', () => {
  it('is the last lines, and the first line of the first pattern that matches', async () => {
    const log = await crashed('loading\nCUDA error: a\nCUDA error: out of memory\nCUDA error: out of memory again\nbye');
    expect(await evidence(log)).toEqual({
      oomKilled: false,
      patternClass: 'gpu_oom',
      matchedLine: 'CUDA error: out of memory',
      lastLines: ['loading', 'CUDA error: a', 'CUDA error: out of memory', 'CUDA error: out of memory again', 'bye'],
    });
  });

  it('is at most 200 lines and 64 KiB, beginning with a whole line', async () => {
    const short = await evidence(await crashed(`CUDA error\n${'x\n'.repeat(200)}`));
    expect([short.lastLines.length, short.patternClass]).toEqual([200, null]);
    const wide = await evidence(await crashed(`${'y'.repeat(1000)}\n`.repeat(500)));
    expect(wide.lastLines.length).toBe(65);
    expect(wide.lastLines.every((line) => line.length === 1000)).toBe(true);
    const endless = await evidence(await crashed('z'.repeat(1_000_000)));
    expect(endless.lastLines.join('').length).toBe(64 * 1024);
  });

  it('takes no reason from what was written more than ten seconds before the end', async () => {
    const log = await crashed('CUDA error\n');
    utimesSync(log.path, 1000, 1000);
    log.look();
    writeSync(log.fd(), 'fine\n');
    utimesSync(log.path, 1005, 1005);
    log.look();
    expect(await evidence(log, { endedAtMs: 1_009_000 })).toMatchObject({ patternClass: 'gpu' });
    expect(await evidence(log, { endedAtMs: 1_011_000 })).toMatchObject({ patternClass: null, lastLines: ['CUDA error', 'fine'] });
  });

  it('is of that generation alone, over rotated files', async () => {
    const log = await crashed('CUDA error\n');
    await log.exited(1, 'exit code 1');
    await log.started(2);
    writeSync(log.fd(), numbered(1, 100));
    await log.rotate();
    expect(log.olderFiles).toBe(1);
    const second = await evidence(log, { generation: 2 });
    expect([second.patternClass, second.lastLines.length, second.lastLines[0]]).toEqual([null, 100, 'line 1 x']);
    expect((await evidence(log)).lastLines).toEqual(['CUDA error']);
    expect((await evidence(log, { generation: 3 })).lastLines).toEqual([]);
  });

  it("takes the kernel's word on memory, where it has one", async () => {
    const log = await crashed('');
    const cgroup = join(freshDir(), 'leaf');
    mkdirSync(cgroup);
    expect((await evidence(log, { cgroup })).oomKilled).toBe(false);
    writeFileSync(join(cgroup, 'memory.events'), 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n');
    expect((await evidence(log, { cgroup })).oomKilled).toBe(false);
    writeFileSync(join(cgroup, 'memory.events'), 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\n');
    expect((await evidence(log, { cgroup })).oomKilled).toBe(true);
  });
});

describe('patterns', () => {
  it('look at the first 4096 characters of a line only', () => {
    expect(firstMatch([`${'x'.repeat(4086)}CUDA error`], patterns)?.class).toBe('gpu');
    expect(firstMatch([`${'x'.repeat(4087)}CUDA error`], patterns)).toBe(null);
  });

  it('refuse what is no regular expression', () => {
    expect(() => compilePatterns([{ pattern: '(', class: 'x' }])).toThrow(SyntaxError);
  });
});
