/** The floor: a shell that waits for its child and forks the next. One program only. */
import type { Peer, Running } from './peer.ts';
import { foreground, peerDirectory } from './peer.ts';

export const shellLoop: Peer = {
  name: 'bare fork + exec (a shell loop)',
  lacks: null,
  async start([group]): Promise<Running> {
    const script = `trap 'kill -KILL $child; exit' TERM; while :; do "$@" & child=$!; wait $child; done`;
    const argv = ['/bin/sh', '-c', script, 'loop', ...(group?.argv ?? [])];
    return { ...foreground({ dir: peerDirectory('loop'), argv }), logs: null, follow: null, call: null, saysAllRun: null, decidedMs: null };
  },
};
