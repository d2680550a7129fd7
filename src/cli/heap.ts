/** How much garbage the program lets lie. */
import { setFlagsFromString } from 'node:v8'

/**
 * Percent by which the heap may outgrow what is alive in it before it is collected. Left to itself the runtime goes by the memory of the
 * machine: where there is plenty, it lets a multiple of what is alive pile up, so that the same import takes more on a larger one.
 */
const GROWTH_PERCENT = 20

/** For programs of our own: the heap belongs to the process, and where a journal is embedded that is somebody else's. */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}
