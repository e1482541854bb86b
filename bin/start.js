// What bin/poold and bin/poolctl share. Any Node from 16 on must be able to read these three files.
const fs = require('node:fs');
const { enableCompileCache, flushCompileCache } = require('node:module');
const path = require('node:path');
const url = require('node:url');

const root = path.join(__dirname, '..');
const [major, minor] = process.versions.node.split('.').map(Number);

exports.root = root;
exports.recent = major > 24 || (major === 24 && minor >= 15);
exports.refusal = `cannot run on Node ${process.versions.node}, it needs 24.15 or newer:`;

/** The Node that came with `npm ci`, or null: in this checkout, or beside this package where another one has installed it. */
exports.bundledNode = () => {
  const found = [path.join(root, 'node_modules', '.bin', 'node'), path.join(root, '..', '.bin', 'node')].find(fs.existsSync);
  return found === undefined || fs.realpathSync(found) === fs.realpathSync(process.execPath) ? null : found;
};

/** Runs `main(arguments)` of src/<name>.ts, or of dist/<name>.js where only that was shipped; a number it answers is the exit code. */
exports.run = (program, name) => {
  // What was compiled once is kept, in a place that only this user can write: the default one under /tmp is anybody's.
  const caches = process.env.XDG_CACHE_HOME || (process.env.HOME && path.join(process.env.HOME, '.cache'));
  if (caches) enableCompileCache(path.join(caches, 'poold'));
  // Node writes it at the end of a process, which a daemon may never come to.
  if (caches) setTimeout(flushCompileCache, 1_000).unref();
  const source = path.join(root, 'src', `${name}.ts`);
  const built = path.join(root, 'dist', `${name}.js`);
  import(url.pathToFileURL(fs.existsSync(built) && !fs.existsSync(source) ? built : source).href)
    .then((entry) => entry.main(process.argv.slice(2)))
    .then((code) => {
      if (typeof code === 'number') process.exitCode = code;
    })
    .catch((error) => {
      process.stderr.write(`${program}: cannot run: ${error?.stack ?? error}\n`);
      process.exit(1);
    });
};
