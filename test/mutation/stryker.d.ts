/** What we use of Stryker, whose package is installed beside this file and not with the library's own tools. */
declare module '@stryker-mutator/instrumenter' {
  /** Lines and columns begin with 0. */
  export interface Position {
    line: number
    column: number
  }

  export interface Mutant {
    id: string
    fileName: string
    mutatorName: string
    replacement: string
    location: { start: Position; end: Position }
    /** `Ignored`: of a kind that was not asked for. */
    status?: string
  }

  export class Instrumenter {
    constructor(logger: {
      isDebugEnabled(): boolean
      debug(message: string): void
      info(message: string): void
      warn(message: string): void
    })
    instrument(
      files: { name: string; content: string; mutate: true }[],
      options: { excludedMutations: string[]; noHeader: boolean; ignorers: []; plugins: null },
    ): Promise<{ files: { name: string; content: string }[]; mutants: Mutant[] }>
  }
}
