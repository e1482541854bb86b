/**
 * Who is on a GPU that only one process at a time may use. In the default compute mode a device is shared, and nobody stands in the way; in
 * `Exclusive_Process` whoever has it keeps every other out, so starting an engine there can only fail, after minutes of loading.
 */
import type { Clock } from '../clock.ts';
import { runCommand } from './exec.ts';
import { findExecutable } from './executable.ts';

const ASK_TIMEOUT_MS = 10_000;

/** The sentence that names the holder of one of the devices, or null: free, shared, or not to be told. */
export async function deviceHolder(clock: Clock, device: string, searchPath: string): Promise<string | null> {
  const tool = findExecutable('nvidia-smi', searchPath, '/');
  if (!('path' in tool)) return null;
  const ask = async (query: string): Promise<string[][]> => {
    const argv = [tool.path, query, '--format=csv,noheader'];
    const { code, output } = await runCommand(clock, { argv, env: { PATH: searchPath }, cwd: '/', user: null, timeoutMs: ASK_TIMEOUT_MS });
    return code === 0 ? output.split('\n').map((line) => line.split(',').map((field) => field.trim())) : [];
  };
  const wanted = device.split(',').map((one) => one.trim());
  const gpus = await ask('--query-gpu=index,uuid,compute_mode');
  const exclusive = gpus.filter(
    ([index = '', uuid = '', mode]) => mode === 'Exclusive_Process' && wanted.some((one) => names(one, index, uuid)),
  );
  if (exclusive.length === 0) return null;
  const apps = await ask('--query-compute-apps=gpu_uuid,pid,process_name');
  for (const [index, uuid] of exclusive) {
    const [, pid, name] = apps.find(([on]) => on === uuid) ?? [];
    if (pid !== undefined)
      return `device ${index} is held by ${name ?? 'a process'} (pid ${pid}), and only one process at a time may use it (Exclusive_Process)`;
  }
  return null;
}

/** CUDA takes a number or any unique beginning of a UUID. */
function names(wanted: string, index: string, uuid: string): boolean {
  return /^\d+$/.test(wanted) ? wanted === index : uuid.startsWith(wanted);
}
