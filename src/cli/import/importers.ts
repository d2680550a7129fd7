/** The importers, in the order in which they are asked whose a file is. */
import type { Importer } from './importer.js'
import { claudeCode } from './kinds/claude-code.js'
import { hermesWebui } from './kinds/hermes-webui/importer.js'
import { pi } from './kinds/pi.js'

export const importers: readonly Importer[] = [hermesWebui, claudeCode, pi]
