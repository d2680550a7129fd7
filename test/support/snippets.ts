/** Type-checks and runs the TypeScript blocks of a document as programs of somebody who installed the package. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

const bin = (name: string): string => join(root, 'node_modules', '.bin', name)

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
    const compilerOptions = { noEmit: true, rootDir: '/', declaration: false, declarationMap: false, sourceMap: false, paths: absolute }
    this.#write('package.json', JSON.stringify({ type: 'module' }))
    this.#write('tsconfig.json', JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }))
    symlinkSync(join(root, 'node_modules'), join(this.#directory, 'node_modules'), 'dir')
    for (const snippet of snippets) this.#write(fileName(snippet), '\n'.repeat(snippet.line - 1) + snippet.code)
  }

  /** What the compiler says of the snippets, as `file(line,column): error`, and of the setup; errors in the package's own source are not its business. */
  async typeErrors(): Promise<string[]> {
    const { exitCode, output } = await run(bin('tsc'), ['-p', this.#directory, '--pretty', 'false'], this.#directory)
    const errors = output.split('\n').filter((line) => /error TS\d+/.test(line) && !/^(\.\.|\/)/.test(line))
    return exitCode !== 0 && output.trim() === '' ? [`tsc ended with ${exitCode} and said nothing`] : errors
  }

  async run(snippet: Snippet): Promise<Outcome> {
    const cwd = join(this.#directory, snippet.document.replaceAll('/', '-').replace(/\.md$/, ''))
    mkdirSync(cwd, { recursive: true })
    return run(bin('tsx'), ['--tsconfig', join(this.#directory, 'tsconfig.json'), join(this.#directory, fileName(snippet))], cwd)
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#directory, name), text)
  }
}

function fileName({ document, line }: Snippet): string {
  return `${document.replaceAll('/', '-')}-L${line}.ts`
}

function run(command: string, args: string[], cwd: string): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, timeout: 60_000 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ exitCode, output: stdout + stderr + (error?.killed === true ? '\nkilled after 60 seconds' : '') })
    })
  })
}
