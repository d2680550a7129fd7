/** Waiting for callers without waiting for the event loop. */

/**
 * Resolves once every promise that is ready has run its course. Callers whose appends have just resolved have made their next
 * ones by then, so that they go into one group; a caller who is alone waits for no turn of the event loop.
 */
export function quiet(): Promise<void> {
  return new Promise((resolve) => {
    // Ticks run before promises where the event loop calls in, and after all of them where a promise does.
    process.nextTick(() => queueMicrotask(() => process.nextTick(resolve)))
  })
}
