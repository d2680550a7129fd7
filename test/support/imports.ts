/** Finds what a TypeScript module imports, without parsing it: enough for code in this repository's format. */

export interface Import {
  /** The specifier as written. */
  from: string
  /** Whether the compiler erases it: `import type` and `export type`. */
  typeOnly: boolean
}

// Statements begin at the start of a line. What stands between the keyword and `from` holds no quote, call or assignment.
const STATEMENT = /^(?:import|export)\b(\s+type\b)?[^'"`;=(]*?\bfrom\s*(['"])([^'"]+)\2/gm
const SIDE_EFFECT = /^import\s*(['"])([^'"]+)\1/gm
const CALL = /\b(?:import|require)\s*\(\s*(['"`])([^'"`]*)\1/g

/** Imports, re-exports, and calls of `import` and `require` with a literal, in the order of these kinds. */
export function importsOf(source: string): Import[] {
  return [
    ...Array.from(source.matchAll(STATEMENT), ([, type, , from]) => ({ from: from!, typeOnly: type !== undefined })),
    ...Array.from(source.matchAll(SIDE_EFFECT), ([, , from]) => ({ from: from!, typeOnly: false })),
    ...Array.from(source.matchAll(CALL), ([, , from]) => ({ from: from!, typeOnly: false })),
  ]
}
