/** The importers, in the order in which they are asked whose a file is. */
import type { Importer } from './importer.js'
import { claudeCode } from './kinds/claude-code.js'

export const importers: readonly Importer[] = [claudeCode]
