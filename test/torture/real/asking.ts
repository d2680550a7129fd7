/** Asks whoever started this process, round by round, whether that was enough. */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

const waiting: ((over: boolean) => void)[] = []
createInterface({ input: process.stdin })
  .on('line', (line) => waiting.shift()?.(line === 'over'))
  // Nobody is there any more who would want to know.
  .on('close', () => process.exit(1))

export function say(what: object): void {
  writeSync(1, `${JSON.stringify(what)}\n`)
}

export function isOver(done: number): Promise<boolean> {
  say({ done })
  return new Promise((answer) => waiting.push(answer))
}
