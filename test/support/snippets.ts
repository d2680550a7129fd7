/** Type-checks and runs the TypeScript blocks of a document as programs of somebody who installed the package. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile, compiled } from './compiled.js'
import { root } from './root.js'

export interface Snippet {
  document: string
  /** Line in the document of the first line of code. */
  line: number
  code: string
}

export interface Outcome {
  exitCode: number
  output: string
}

/** Where the programs lie as JavaScript. */
const OUT = 'out'

/**
 * A temporary folder with one program for each snippet. Each document has a folder of its own in which its programs run,
 * so that a later block finds what an earlier one wrote. Line numbers of a program are those of the document.
 */
export class Snippets {
  readonly #directory = realpathSync(mkdtempSync(join(tmpdir(), 'turnlog-docs-')))

  constructor(snippets: readonly Snippet[]) {
    const paths = {
      turnlog: ['src/index.ts'],
      'turnlog/projections': ['projections/index.ts'],
      'turnlog/projections/*': ['projections/*.ts'],
      'turnlog/upcasters': ['upcasters/index.ts'],
    }
    const absolute = Object.fromEntries(Object.entries(paths).map(([name, [path]]) => [name, [join(root, path!)]]))
    const none = { declaration: false, declarationMap: false }
    const check = { ...none, noEmit: true, rootDir: '/', sourceMap: false, paths: absolute }
    const emit = { ...none, noResolve: true, rootDir: '.', outDir: OUT }
    this.#configure('tsconfig.json', check)
    this.#configure('tsconfig.out.json', emit)
    this.#write('package.json', JSON.stringify(ownPackage()))
    symlinkSync(join(root, 'node_modules'), join(this.#directory, 'node_modules'), 'dir')
    symlinkSync(compiled(), join(this.#directory, 'dist'), 'dir')
    for (const snippet of snippets) this.#write(`${fileName(snippet)}.ts`, '\n'.repeat(snippet.line - 1) + snippet.code)
    compile(this.#directory, '-p', 'tsconfig.out.json')
  }

  /** What the compiler says of the snippets, as `file(line,column): error`, and of the setup; errors in the package's own source are not its business. */
  async typeErrors(): Promise<string[]> {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { exitCode, output } = await run([tsc, '-p', this.#directory, '--pretty', 'false'], this.#directory)
    const errors = output.split('\n').filter((line) => /error TS\d+/.test(line) && !/^(\.\.|\/)/.test(line))
    return exitCode !== 0 && output.trim() === '' ? [`tsc ended with ${exitCode} and said nothing`] : errors
  }

  async run(snippet: Snippet): Promise<Outcome> {
    const cwd = join(this.#directory, snippet.document.replaceAll('/', '-').replace(/\.md$/, ''))
    mkdirSync(cwd, { recursive: true })
    return run(['--enable-source-maps', join(this.#directory, OUT, `${fileName(snippet)}.js`)], cwd)
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #configure(name: string, compilerOptions: object): void {
    this.#write(name, JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }))
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#directory, name), text)
  }
}

/** The package, which a program below it imports by its name, with what it exports. */
function ownPackage(): object {
  const { name, type, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>
  return { name, type, exports }
}

function fileName({ document, line }: Snippet): string {
  return `${document.replaceAll('/', '-')}-L${line}`
}

function run(args: string[], cwd: string): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, timeout: 60_000 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ exitCode, output: stdout + stderr + (error?.killed === true ? '\nkilled after 60 seconds' : '') })
    })
  })
}
