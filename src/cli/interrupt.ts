/** Ctrl-C: what was begun is undone or left to be gone on with, one line says which, and the program ends as shells expect. */
import { EXIT, type Command } from './command.js'

const undoing = new Set<() => void>()
let left = 0

/** What is to be undone if the program is interrupted while something runs, or if that fails. */
export async function undoneUnlessDone<T>(undo: () => void, work: () => Promise<T>): Promise<T> {
  undoing.add(undo)
  try {
    return await work()
  } catch (error) {
    undo()
    throw error
  } finally {
    undoing.delete(undo)
  }
}

/** While another program has the terminal, the interrupt is for it. */
export async function whileLeftToOthers<T>(work: Promise<T>): Promise<T> {
  left += 1
  try {
    return await work
  } finally {
    left -= 1
  }
}

/** A journal is whole at every moment, so there is nothing to wait for. */
export function endOnInterrupt({ leaves }: Pick<Command, 'leaves'>): void {
  process.on('SIGINT', () => {
    if (left > 0) return
    for (const undo of undoing) undo()
    process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[2K' : ''}stopped  ${leaves ?? 'nothing was changed'}\n`)
    process.exit(EXIT.interrupted)
  })
}
