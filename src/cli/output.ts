/** Much output: to standard output, at the pace of who reads it. */
import { once } from 'node:events'

export function toOutput(text: string): void | Promise<unknown> {
  return process.stdout.write(text) ? undefined : once(process.stdout, 'drain')
}
