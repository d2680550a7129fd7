/** What a doctor says of one thing: one defect is one item. */

export type Category = 'ok' | 'repairable' | 'needs-a-person'

export type Kind =
  // The journal's files.
  | 'journal'
  | 'format'
  | 'damage'
  | 'gap'
  | 'end'
  | 'index'
  | 'snapshot'
  | 'derived'
  | 'leftover'
  | 'upgrade'
  | 'place'
  | 'writer'
  | 'unreadable'
  // What it holds.
  | 'old-schema'
  | 'unknown-events'
  | 'stream'
  | 'pending'
  | 'interrupted'
  | 'collision'
  | 'orphan-call'
  | 'law'
  | 'unlisted'
  | 'parent'

export interface Item {
  kind: Kind
  category: Category
  /** What is known, in words. */
  what: string
  /** What is known, for machines. */
  known?: unknown
  /** What mends it, or goes on from it, as it is typed. */
  command?: string
}

/** A command as a person types it. */
export function typed(...words: string[]): string {
  return ['turnlog', ...words].map((word) => (/^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}

export const worst = (items: readonly Item[]): Category =>
  (['needs-a-person', 'repairable'] as const).find((category) => items.some((item) => item.category === category)) ?? 'ok'
