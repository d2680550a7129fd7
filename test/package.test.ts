/** What package.json promises has its source; what comes out of it is checked by publish-check.ts, on the packed package. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesBelow, root } from './support/root.js'

interface Manifest {
  version: string
  bin: Record<string, string>
  exports: Record<string, string | Record<string, string>>
  files: string[]
  dependencies: Record<string, string>
}

const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const manifest = JSON.parse(read('package.json')) as Manifest

/** The source of a built file. */
const sourceOf = (built: string): string => built.replace(/^\.?\/?dist\//, '').replace(/(\.d\.ts|\.js)$/, '.ts')

describe('package.json', () => {
  test('every export has its source, types before code', () => {
    for (const [name, target] of Object.entries(manifest.exports)) {
      if (typeof target === 'string') continue
      expect(Object.keys(target), name).toEqual(['types', 'default'])
      for (const built of Object.values(target)) {
        const source = sourceOf(built)
        if (source.includes('*')) expect(filesBelow(source.slice(0, source.indexOf('/*'))), name).not.toEqual([])
        else expect(existsSync(join(root, source)), `${name}: ${source}`).toBe(true)
      }
    }
  })

  test('every command begins with a line that starts Node', () => {
    for (const built of Object.values(manifest.bin)) expect(read(sourceOf(built))).toMatch(/^#!\/usr\/bin\/env node\n/)
  })

  test('every folder that is published is there', () => {
    const missing = manifest.files.filter((name) => !name.startsWith('dist/') && !existsSync(join(root, name)))
    expect(missing).toEqual([])
  })

  test('every dependency is used, and everything used is a dependency', () => {
    const sources = ['src', 'projections', 'upcasters'].flatMap(filesBelow).map(read)
    const used = sources.flatMap((source) =>
      Array.from(source.matchAll(/(?:from|import\(|require\()\s*'([@a-z][^':]*)'/g), ([, name]) => packageOf(name!)),
    )
    expect([...new Set(used)].toSorted()).toEqual(Object.keys(manifest.dependencies).toSorted())
  })

  test('the changelog begins with its version', () => {
    expect(/^## (\S+)/m.exec(read('CHANGELOG.md'))?.[1]).toBe(manifest.version)
  })
})

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
