/**
 * Packs the built package and uses it as a stranger would: what is in it, whether other tools find its types, whether every
 * export can be imported, whether the command starts. Run by `npm run check:package`, after a build.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from './support/root.js'

interface Manifest {
  bin: Record<string, string>
  exports: Record<string, string | { default: string }>
  dependencies: Record<string, string>
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
const stranger = mkdtempSync(join(tmpdir(), 'turnlog-package-'))

try {
  const { tarball, files } = pack()
  say(`packed ${files.length} files`, strayFiles(files))
  say('publint', run(root, 'node_modules/.bin/publint', 'run', tarball, '--strict', '--level', 'warning'))
  say(
    'attw',
    run(root, 'node_modules/.bin/attw', tarball, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii', '--no-emoji'),
  )
  install(tarball)
  const specifiers = exported(files)
  say(`imported ${specifiers.join(', ')}`, importAll(specifiers))
  say('appended to a journal and read it back', useJournal())
  say(`ran ${Object.keys(manifest.bin).join(', ')}`, runCommands())
} finally {
  rmSync(stranger, { recursive: true, force: true })
}

/** Prints what was done; throws what is wrong with it. */
function say(done: string, wrong: string | undefined): void {
  if (wrong !== undefined) throw new Error(`${done}: ${wrong}`)
  console.log(done)
}

function pack(): { tarball: string; files: string[] } {
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', stranger], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [packed] = JSON.parse(output) as [{ filename: string; files: { path: string }[] }]
  return { tarball: join(stranger, packed.filename), files: packed.files.map(({ path }) => path) }
}

/** What is missing from the package, or should not be in it. */
function strayFiles(files: string[]): string | undefined {
  const needed = [
    'package.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'dist/src/index.js',
    'dist/src/index.d.ts',
    ...Object.values(manifest.bin),
  ]
  const missing = needed.filter((file) => !files.includes(file))
  const stray = files.filter((file) => /^(test|bench|dist\/(test|bench))\/|(^|\/)\.|\.tsbuildinfo$/.test(file))
  return missing.length + stray.length === 0 ? undefined : `missing: ${missing.join(' ') || 'none'}, stray: ${stray.join(' ') || 'none'}`
}

/** Unpacks the package into the stranger's folder and gives it its declared dependencies, and no others. */
function install(tarball: string): void {
  const modules = join(stranger, 'node_modules')
  mkdirSync(join(modules, 'turnlog'), { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'turnlog'), '--strip-components=1'])
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'dir')
  }
  writeFileSync(join(stranger, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
}

/** Every specifier that the exports allow, patterns filled in from the files that are there. */
function exported(files: string[]): string[] {
  return Object.entries(manifest.exports).flatMap(([name, target]) => {
    const specifier = name.replace(/^\./, 'turnlog')
    if (typeof target === 'string') return []
    if (!name.includes('*')) return [specifier]
    const [before, after] = target.default.slice(2).split('*') as [string, string]
    const names = files
      .filter((file) => file.startsWith(before) && file.endsWith(after))
      .map((file) => file.slice(before.length, -after.length))
    return names.map((filling) => specifier.replace('*', filling))
  })
}

function importAll(specifiers: string[]): string | undefined {
  const program = `for (const name of ${JSON.stringify(specifiers)}) if (Object.keys(await import(name)).length === 0) throw new Error(name + ' exports nothing')`
  return run(stranger, process.execPath, '--input-type=module', '--eval', program)
}

function useJournal(): string | undefined {
  writeFileSync(
    join(stranger, 'use.js'),
    `import { openJournal } from 'turnlog'
     const journal = await openJournal('./journal')
     const { version } = await journal.append('session-1', [{ type: 'session.created', data: {} }])
     const types = []
     for await (const event of journal.read('session-1')) types.push(event.type)
     await journal.close()
     if (version !== 1 || types.join() !== 'session.created') throw new Error('read back: ' + types)`,
  )
  return run(stranger, process.execPath, 'use.js')
}

function runCommands(): string | undefined {
  for (const built of Object.values(manifest.bin)) {
    if ((statSync(join(root, built)).mode & 0o111) === 0) return `${built} is not executable`
    const wrong = run(stranger, process.execPath, join('node_modules/turnlog', built), '--help')
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Runs a command; what it said if it failed. */
function run(cwd: string, command: string, ...args: string[]): string | undefined {
  try {
    execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe', timeout: 120_000 })
    return undefined
  } catch (error) {
    const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string }
    return [message, stdout, stderr].join('\n').trim()
  }
}
