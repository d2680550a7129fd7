/** The house holds: who may import whom, what a file may be, and what no file may say. docs/architecture.md says why. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { importsOf } from './support/imports.js'
import { filesBelow, root } from './support/root.js'

interface Room {
  /** Files of the room. */
  files: RegExp
  /** Files of ours that the room may import; its own are given. */
  ours: RegExp
  /** Files of ours of which the room may take types as well. */
  types?: RegExp
  /** Packages and modules of Node that the room may import. */
  packages: RegExp
}

const NOTHING = /^$/

const rooms: Record<string, Room> = {
  'the contract': { files: /^src\/(catalogue|steps|define|events|turns|tasks|open-work|errors)\.ts$/, ours: NOTHING, packages: /^zod$/ },
  storage: {
    files: /^src\/storage\//,
    ours: /^src\/errors\.ts$/,
    packages: /^(msgpackr|node:(buffer|crypto|events|path|timers(\/promises)?|util|zlib))$/,
  },
  engine: {
    files: /^src\/engine\//,
    ours: /^src\/(storage\/.*|define\.ts|errors\.ts)$/,
    packages: /^(msgpackr|rxjs(\/internal\/.+)?|zod|node:(buffer|crypto|events|timers(\/promises)?|util|zlib))$/,
  },
  'the conductors': {
    files: /^src\/(journal|repair|backup|freeze|upgrade)\.ts$/,
    ours: /^src\/(engine\/.*|storage\/.*|(define|events|turns|tasks|open-work|errors)\.ts)$/,
    packages: /^rxjs(\/internal\/.+)?$/,
  },
  'the front door': {
    files: /^src\/index\.ts$/,
    ours: /^(src\/(journal|repair|backup|freeze|upgrade|define|events|turns|errors)\.ts|upcasters\/index\.ts|projections\/index\.ts)$/,
    types: /^src\/(engine|storage)\//,
    packages: NOTHING,
  },
  'the command line': { files: /^src\/cli\//, ours: /^src\/index\.ts$/, packages: /^node:/ },
  upcasters: { files: /^upcasters\//, ours: /^src\/(define|events)\.ts$/, packages: /^zod$/ },
  projections: { files: /^projections\//, ours: /^src\/(define|events)\.ts$/, packages: /^zod$/ },
}

const PURE = ['the contract', 'upcasters', 'projections']

/** Adapters: the only files that may import what gives the ports their hands. */
const adapters: Record<string, RegExp> = {
  'src/storage/node-files.ts': /^(fs-native-extensions|node:(fs|fs\/promises))$/,
  'src/storage/level-store.ts': /^level$/,
  'src/cli/import/sqlite.ts': /^node-sqlite3-wasm$/,
}

const files = ['src', 'projections', 'upcasters'].flatMap(filesBelow).filter((file) => file.endsWith('.ts'))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Imports of a file; `ours` is the file that a relative specifier names. */
function imports(file: string): { from: string; typeOnly: boolean; ours: string | undefined }[] {
  return importsOf(read(file)).map(({ from, typeOnly }) => ({
    from,
    typeOnly,
    ours: from.startsWith('.') ? posix.join(posix.dirname(file), from).replace(/\.js$/, '.ts') : undefined,
  }))
}

describe('imports', () => {
  test('the scanner sees every form of import, and only imports', () => {
    const source = [
      `import { a } from './a.js'`,
      `import type { B } from './b.js'`,
      `import {\n  c,\n  type D,\n} from "./c.js"`,
      `import './e.js'`,
      `export * from './f.js'`,
      `export type { G } from './g.js'`,
      `export const from = 'none'`,
      `const h = await import('./h.js')`,
      ` * import of nothing from 'a comment'`,
      `export interface I { from: 'none' }`,
    ].join('\n')
    const seen = importsOf(source).map(({ from, typeOnly }) => (typeOnly ? `type ${from}` : from))
    expect(seen).toEqual(['./a.js', 'type ./b.js', './c.js', './f.js', 'type ./g.js', './e.js', './h.js'])
  })

  test.each(Object.entries(rooms))('%s imports what it may', (_name, room) => {
    const wrong = files
      .filter((file) => room.files.test(file))
      .flatMap((file) =>
        imports(file).flatMap((one) =>
          mayImport(file, room, one) ? [] : [`${file} imports ${one.typeOnly ? 'types of ' : ''}${one.from}`],
        ),
      )
    expect(wrong).toEqual([])
  })

  test('every file lies in a room', () => {
    expect(files.filter((file) => !Object.values(rooms).some((room) => room.files.test(file)))).toEqual([])
  })

  test('what is pure asks no clock, no chance and no machine', () => {
    const impure = /\b(Date\.now|Math\.random|process\.|performance\.|globalThis\.|set(Timeout|Interval|Immediate))|\bnew Date\(\)/
    expect(files.filter((file) => PURE.some((room) => rooms[room]!.files.test(file)) && impure.test(read(file)))).toEqual([])
  })

  test('nothing imports in a circle', () => {
    expect(circles()).toEqual([])
  })
})

describe('files', () => {
  test('the top of the repository holds what it should and nothing else', () => {
    const ignored = new Set(['.git', ...lines('.gitignore').map((line) => line.replace(/\/$/, ''))])
    const here = readdirSync(root).filter((name) => !ignored.has(name) && !/\.(log|tgz)$/.test(name))
    expect(here.filter((name) => !TOP_LEVEL.has(name))).toEqual([])
  })

  test('a file has 300 lines at most', () => {
    const long = files.map((file) => [file, read(file).trimEnd().split('\n').length] as const).filter(([, count]) => count > 300)
    expect(long).toEqual([])
  })

  test('nothing is left for later', () => {
    const left = [...files, ...filesBelow('bench').filter((file) => file.endsWith('.ts'))].filter((file) =>
      /\b(TODO|FIXME|XXX)\b/.test(read(file)),
    )
    expect(left).toEqual([])
  })

  test('nothing names a machine or how the work was done', () => {
    const written = filesBelow('.').filter((file) => TEXT.test(file) && !file.startsWith('test/fixtures/'))
    const found = written.flatMap((file) =>
      lines(file).flatMap((line, at) => (FORBIDDEN.test(line) ? [`${file}:${at + 1}: ${line.trim().slice(0, 120)}`] : [])),
    )
    expect(found).toEqual([])
  })
})

describe('docs/architecture.md', () => {
  const map = existsSync(join(root, 'docs/architecture.md')) ? read('docs/architecture.md') : undefined

  test.skipIf(map === undefined)('names every folder and every file of the house', () => {
    const folders = new Set(files.map((file) => `${posix.dirname(file)}/`))
    const missing = [...folders].filter((folder) => !map!.includes(`${posix.basename(folder)}/`))
    const patterns = Array.from(map!.matchAll(/upcasters\/[\w./*-]+\.ts\b|[\w./-]+\.ts\b/g), ([name]) => pathEnd(name))
    missing.push(...files.filter((file) => !patterns.some((pattern) => pattern.test(`/${file}`))))
    expect(missing).toEqual([])
  })

  test.skipIf(map === undefined)('names no file of the house that is not there', () => {
    const named = Array.from(map!.matchAll(/\b(?:src|projections|upcasters)\/[\w./-]+\.ts\b/g), ([name]) => name)
    expect(named.filter((name) => !files.includes(name))).toEqual([])
  })
})

const TOP_LEVEL = new Set([
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'vitest.config.ts'],
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE'],
  ...['src', 'upcasters', 'projections', 'test', 'bench', 'docs'],
  ...['.ci', '.editorconfig', '.gitattributes', '.gitignore', '.oxfmtrc.json', '.oxlintrc.json', '.vscode'],
])

const TEXT = /(\.(ts|js|json|md|txt|yml|sh|py)|^\.ci\/run|^\.[a-z]+)$/
const FORBIDDEN = /(?<![\w.-])\/(work|root)\/|\bhelper[ -]session/i

function mayImport(
  file: string,
  room: Room,
  { from, typeOnly, ours }: { from: string; typeOnly: boolean; ours: string | undefined },
): boolean {
  if (ours === undefined) return room.packages.test(from) || adapters[file]?.test(from) === true
  return room.files.test(ours) || room.ours.test(ours) || (typeOnly && room.types?.test(ours) === true)
}

/** Each circle of imports once, types included, as a path. */
function circles(): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file)) return
    done.add(file)
    for (const { ours } of imports(file)) if (ours !== undefined && existsSync(join(root, ours))) visit(ours, [...path, file])
  }
  for (const file of files) visit(file, [])
  return found
}

/** A name in the code map as a pattern over `/path`: the end of a path. Upcasters may be named in groups, with `*` for a part of a name. */
function pathEnd(name: string): RegExp {
  const escaped = name.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '[^/]*')
  return new RegExp(`/${escaped}$`)
}

function lines(file: string): string[] {
  return read(file).split('\n')
}
