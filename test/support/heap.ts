/** The heap without what nobody holds any more. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

/** Bytes in use once nothing is left that could be freed, buffers too: those that one collection frees are counted out by the next. */
export function heapUsed(): number {
  collect ??= exposed()
  collect()
  collect()
  const { heapUsed: objects, external } = process.memoryUsage()
  return objects + external
}

function exposed(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
