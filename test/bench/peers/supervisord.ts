/** supervisord, asked over its Unix socket (XML-RPC, and its web page's tail of a log). */

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { until } from '../../machine/rig.ts';
import type { Group, Peer, Running } from './peer.ts';
import { foreground, lackOf, peerDirectory, versionOf } from './peer.ts';

const STATE = '<?xml version="1.0"?><methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>';

export const supervisord: Peer = {
  name: `supervisord ${versionOf('supervisor')}`,
  lacks: lackOf('supervisord', 'supervisor'),
  async start(groups): Promise<Running> {
    const dir = peerDirectory('supervisord');
    const socketPath = join(dir, 'socket');
    writeFileSync(join(dir, 'supervisord.conf'), config(dir, groups));
    const own = foreground({ dir, argv: ['supervisord', '-n', '-c', join(dir, 'supervisord.conf')] });
    await until('supervisord listens', () => existsSync(socketPath));
    const nameOf = (group: string, index: number): string => `${group}-${index}`;
    return {
      ...own,
      logs: (group) => readdirSync(dir).flatMap((file) => (file.startsWith(`${nameOf(group, 0)}.log`) ? [join(dir, file)] : [])),
      follow(group, index, told) {
        const asked = request({ socketPath, path: `/logtail/${group}:${nameOf(group, index)}/stdout` }, (answer) => {
          answer.setEncoding('latin1').on('data', told);
          answer.on('error', () => {});
        });
        asked.on('error', () => {});
        asked.end();
        return () => asked.destroy();
      },
      call: () =>
        new Promise((done, failed) => {
          const asked = request({ socketPath, path: '/RPC2', method: 'POST', headers: { 'content-type': 'text/xml' } }, (answer) => {
            answer.resume().on('end', done);
          });
          asked.on('error', failed);
          asked.end(STATE);
        }),
      saysAllRun: null,
      decidedMs: null,
    };
  },
};

function config(dir: string, groups: readonly Group[]): string {
  const programs = groups.map(
    ({ name, argv, count }) => `[program:${name}]
command=${argv.join(' ')}
numprocs=${count}
process_name=%(program_name)s-%(process_num)d
autorestart=true
startsecs=0
startretries=1000
redirect_stderr=true
stdout_logfile=${dir}/%(program_name)s-%(process_num)d.log
stdout_logfile_maxbytes=64MB
stdout_logfile_backups=20
`,
  );
  return `[supervisord]
nodaemon=true
user=root
minfds=16384
logfile=${dir}/supervisord.log
pidfile=${dir}/supervisord.pid
[unix_http_server]
file=${dir}/socket
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
${programs.join('')}`;
}
