import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileAt } from '../../src/engine/executable.ts';
import { Ports } from '../../src/engine/ports.ts';
import { preflight } from '../../src/engine/preflight.ts';
import { poolSpec } from './pool-spec.ts';
import { endRigsAfterEach, Rig } from './rig.ts';

endRigsAfterEach();

function fly(rig: Rig, engine: Parameters<typeof poolSpec>[0], replica = 0) {
  const host = { ...rig.room.host, ports: new Ports([20_000, 29_999]) };
  return preflight(host, { ref: { pool: 'chat', replica, generation: 1 }, side: 'a', instance: rig.instance(), spec: poolSpec(engine) });
}

/** A directory for PATH with an `nvidia-smi` that answers by this script. */
function withDriver(script: string): Rig {
  const rig = new Rig();
  const bin = join(rig.dir, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'nvidia-smi'), 0o755);
  return new Rig({ after: rig, env: { PATH: `${bin}:${process.env.PATH}` } });
}

const TWO_GPUS = `[ "$1" = -L ] || exit 9
echo 'GPU 0: NVIDIA A100 (UUID: GPU-11111111-aaaa)'
echo '  MIG 1g.5gb Device 0: (UUID: MIG-33333333-cccc)'
echo 'GPU 1: NVIDIA A100 (UUID: GPU-22222222-bbbb)'`;

const ONE_IN_EXCLUSIVE_MODE = `case $1 in
  -L) echo 'GPU 0: NVIDIA A100 (UUID: GPU-11111111-aaaa)'; echo 'GPU 1: NVIDIA A100 (UUID: GPU-22222222-bbbb)' ;;
  --query-gpu=*) echo '0, GPU-11111111-aaaa, Default'; echo '1, GPU-22222222-bbbb, Exclusive_Process' ;;
  --query-compute-apps=*) echo 'GPU-11111111-aaaa, 41, python3'; echo 'GPU-22222222-bbbb, 42, trainer' ;;
esac`;

describe('a preflight', () => {
  it('finds what is there', async () => {
    expect(await fly(new Rig(), { command: ['sh'] })).toEqual({ is: 'ok', port: null, device: null, executable: fileAt('/usr/bin/sh') });
    expect(await fly(new Rig(), { command: ['sh', '${port}'] })).toMatchObject({ is: 'ok', port: expect.any(Number) });
  });

  it('finds what is not there', async () => {
    const rig = new Rig();
    expect(await fly(rig, { command: ['no-such-engine'] })).toMatchObject({ class: 'spawn_failed' });
    expect(await fly(rig, { workingDirectory: '/no/such' })).toMatchObject({ class: 'prepare_failed' });
    expect(await fly(rig, { user: 'no-such-user' })).toMatchObject({ class: 'prepare_failed' });
  });

  it('names the stranger on its port', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    const message = expect.stringMatching(new RegExp(`^cannot start chat/0: port ${port} is held by pid ${process.pid} `));
    expect(await fly(new Rig(), { port })).toMatchObject({ class: 'port_busy', message });
    await new Promise((resolve) => server.close(resolve));
    expect(await fly(new Rig(), { port })).toMatchObject({ is: 'ok', port, device: null });
  });

  it('names who has a device for himself, and minds nobody on a shared one', async () => {
    const rig = withDriver(ONE_IN_EXCLUSIVE_MODE);
    const message = expect.stringContaining('cannot start chat/1: device 1 is held by trainer (pid 42)');
    expect(await fly(rig, { devices: ['0', 'GPU-2222'], requireGpu: true }, 0)).toMatchObject({ is: 'ok', device: '0' });
    expect(await fly(rig, { devices: ['0', '1'], requireGpu: true }, 1)).toMatchObject({ class: 'device_busy', message });
    expect(await fly(rig, { devices: ['0', 'GPU-2222'], requireGpu: true }, 1)).toMatchObject({ class: 'device_busy', message });
  });

  it('runs the pool’s own command with the engine’s port and environment', async () => {
    const rig = new Rig();
    const own = (script: string, timeoutMs = 5_000) => ({
      port: 20_123,
      env: { A: 'b' },
      preflight: { command: ['sh', '-c', script], timeoutMs },
    });
    expect(await fly(rig, own('[ ${port} = 20123 ] && [ "$A" = b ]'))).toMatchObject({ is: 'ok', port: 20_123 });
    expect(await fly(rig, own('echo no model; exit 4'))).toMatchObject({
      class: 'prepare_failed',
      message: 'cannot start chat/0: its preflight ended with code 4; it said: no model',
    });
    expect(await fly(rig, own('sleep 1000', 100))).toMatchObject({
      class: 'prepare_failed',
      message: expect.stringMatching(/did not end within 100 ms/),
    });
  });
});

describe('devices', () => {
  const gpu = (...devices: string[]) => ({ devices, requireGpu: true });

  it('are found by number, list, UUID and MIG id', async () => {
    const rig = withDriver(TWO_GPUS);
    expect(await fly(rig, gpu('0', '1'), 1)).toMatchObject({ is: 'ok', port: null, device: '1' });
    for (const device of ['0,1', 'GPU-22222222-bbbb', 'GPU-2222', 'MIG-33333333-cccc']) {
      expect(await fly(rig, gpu(device))).toMatchObject({ is: 'ok', port: null, device });
    }
  });

  it('that are missing stop the start and are named', async () => {
    const rig = withDriver(TWO_GPUS);
    for (const [device, named] of [
      ['2', '2'],
      ['0,7', '7'],
      ['GPU-9999', 'GPU-9999'],
    ] as const) {
      const message = expect.stringMatching(new RegExp(`device ${named} is not there`));
      expect(await fly(rig, gpu(device))).toMatchObject({ class: 'prepare_failed', message });
    }
    expect(await fly(rig, gpu('0'), 1)).toMatchObject({
      class: 'prepare_failed',
      message: expect.stringMatching(/no entry for replica 1/),
    });
    expect(await fly(withDriver('exit 0'), gpu('0'))).toMatchObject({
      class: 'prepare_failed',
      message: expect.stringMatching(/there is no GPU/),
    });
  });
});
