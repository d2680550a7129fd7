/** What tests need to look at the repository itself. */
import { readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's directory, without a slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')

/** What is installed or built, and belongs to nobody. */
const NOT_OURS = new Set(['.git', 'node_modules', 'dist', 'coverage', '.turnlog'])

/** Every file of ours below a folder of the repository, as a path from its root with `/`, sorted; none where there is no folder. */
export function filesBelow(folder: string): string[] {
  const found: string[] = []
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (NOT_OURS.has(entry.name)) continue
      const path = join(directory, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile()) found.push(relative(root, path).split(sep).join('/'))
    }
  }
  walk(join(root, folder))
  return found.toSorted()
}
