/** Where figures come from: sources, and a day. */
import { execFileSync } from 'node:child_process'

export interface Origin {
  /** Short, with a `+` where sources had been changed since. */
  commit: string
  day: string
}

/** Of what runs now; asked for before anything is measured, because commits may be added meanwhile. */
export function originOf(root: string): Origin {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  // Figures that were kept are not what is measured.
  const changed = git('status', '--porcelain', '--', 'src', 'projections', 'upcasters', 'bench', ':!bench/figures.json')
  return { commit: git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : '+'), day: new Date().toISOString().slice(0, 10) }
}
