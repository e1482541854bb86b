/**
 * AF_UNIX datagrams with the pid of their sender. Node has no such sockets, so libc is called by koffi: an optional dependency, which is
 * loaded only for pools that need it. The numbers are those of Linux on x64 and arm64.
 */
import { closeSync, fchmodSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';

export interface Datagram {
  /** As the kernel tells it, seen from this process; 0 where the sender is in no pid namespace of ours. */
  readonly senderPid: number;
  /** Empty when it was longer than MAX_BYTES, or came without a sender. */
  readonly text: string;
}

export interface DatagramSocket {
  /** The next one, or null when none is waiting. Descriptors that come with it are closed by the kernel, which is what a BARRIER=1 waits for. */
  receive(): Datagram | null;
  /** Calls `fire` once, as soon as one is waiting. Does not keep the process alive. */
  whenReadable(fire: () => void): void;
  close(): void;
}

export interface UnixDatagrams {
  /** Binds to `path`, which must not be there, with mode 0600. Throws what the system says, with its `code`. */
  bind(path: string): DatagramSocket;
}

/** What fits into sockaddr_un beside its closing NUL. */
export const MAX_PATH_BYTES = 107;
/** As systemd: a longer one is no notification. */
const MAX_BYTES = 4096;

const AF_UNIX = 1;
/** SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC */
const SOCKET_TYPE = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_PASSCRED = 16;
const SCM_CREDENTIALS = 2;
/** MSG_DONTWAIT | MSG_CMSG_CLOEXEC */
const RECEIVE_FLAGS = 0x40 | 0x40000000;
const MSG_TRUNC = 0x20;
/** One header (16) and one struct ucred (12), rounded up: what else a sender attaches finds no room and is dropped. */
const CONTROL_BYTES = 32;
const CONTROL_PID_AT = 16;

let loaded: Promise<UnixDatagrams> | undefined;

/** Throws where koffi is not installed, or has no build for this platform. */
export function loadUnixDatagrams(): Promise<UnixDatagrams> {
  loaded ??= import('koffi').then(({ default: koffi }) => datagramsOf(koffi));
  return loaded;
}

type Koffi = typeof import('koffi').default;

function datagramsOf(koffi: Koffi): UnixDatagrams {
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int, int, int)');
  const bind = libc.func('int bind(int, const void *, uint32_t)');
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)');
  const receive = receiverOf(koffi, libc);
  const succeeded = (answer: number, what: string): number => {
    if (answer >= 0) return answer;
    const code = getSystemErrorName(-koffi.errno());
    throw Object.assign(new Error(`cannot make the socket ${what}: ${code}`), { code });
  };
  return {
    bind(path) {
      const fd = succeeded(socket(AF_UNIX, SOCKET_TYPE, 0), path);
      try {
        succeeded(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, int(1), 4), path);
        // ORDER: before the bind, which gives the file the mode of its socket: nobody finds it more open than that.
        fchmodSync(fd, 0o600);
        const address = addressOf(path);
        succeeded(bind(fd, address, address.length), path);
        return { receive: () => receive(fd), ...watched(koffi, fd) };
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    },
  };
}

function watched(koffi: Koffi, fd: number): Pick<DatagramSocket, 'whenReadable' | 'close'> {
  const poll = koffi.node.poll(fd, { readable: true }, () => {});
  poll.stop();
  poll.unref();
  return {
    whenReadable(fire) {
      poll.start({ readable: true }, () => {
        poll.stop();
        fire();
      });
    },
    close() {
      // ORDER: the loop lets go of the descriptor before its number can be given to another file.
      poll.close();
      closeSync(fd);
    },
  };
}

/** recvmsg(2). One buffer for all sockets: what is in it has been read before the next call. */
function receiverOf(koffi: Koffi, libc: ReturnType<Koffi['load']>): (fd: number) => Datagram | null {
  const vector = koffi.struct({ base: 'void *', bytes: 'size_t' });
  const message = koffi.struct({
    name: 'void *',
    nameBytes: 'uint32_t',
    vectors: koffi.pointer(vector),
    vectorCount: 'size_t',
    control: 'void *',
    controlBytes: 'size_t',
    flags: 'int',
  });
  const recvmsg = libc.func('recvmsg', 'long', ['int', koffi.inout(koffi.pointer(message)), 'int']);
  const text = Buffer.alloc(MAX_BYTES);
  const control = Buffer.alloc(CONTROL_BYTES);
  const fresh = {
    name: null,
    nameBytes: 0,
    vectors: [{ base: text, bytes: MAX_BYTES }],
    vectorCount: 1,
    control,
    controlBytes: CONTROL_BYTES,
  };
  return (fd) => {
    const header = { ...fresh, flags: 0 };
    const bytes: number = recvmsg(fd, header, RECEIVE_FLAGS);
    if (bytes < 0) return null;
    const senderPid = header.controlBytes < CONTROL_BYTES ? 0 : pidIn(control);
    const whole = (header.flags & MSG_TRUNC) === 0 && senderPid > 0;
    return { senderPid, text: whole ? text.toString('utf8', 0, bytes) : '' };
  };
}

function addressOf(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, Buffer.from(path), Buffer.alloc(1)]);
}

/** 0 when the control message is none about credentials. */
function pidIn(control: Buffer): number {
  const credentials = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_CREDENTIALS;
  return credentials ? control.readInt32LE(CONTROL_PID_AT) : 0;
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}
