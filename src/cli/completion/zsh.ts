/** Completion for zsh. */
import { optionsOf, type Command, type Option } from '../command.js'
import { argumentsOf, brief, valuesOf, type Values } from './values.js'

export function zsh(commands: readonly Command[]): string {
  return `${[
    '#compdef turnlog',
    '# turnlog: completion for zsh. Put this into a file _turnlog on your $fpath.',
    '_turnlog() {',
    '  local -a commands=(',
    ...commands.map(({ name, says }) => `    ${quoted(`${name}:${brief(says)}`)}`),
    '  )',
    '  if ((CURRENT == 2)); then',
    "    _describe 'command' commands",
    '    return',
    '  fi',
    '  local command=$words[2]',
    '  shift words',
    '  ((CURRENT--))',
    '  case $command in',
    ...commands.map((command) => `    ${command.name}) _arguments ${specs(command).map(quoted).join(' ')} ;;`),
    '  esac',
    '}',
    '# Loaded when it is first needed, it completes at once; sourced, it is made known.',
    'if [[ $funcstack[1] == _turnlog ]]; then _turnlog "$@"; else compdef _turnlog turnlog; fi',
  ].join('\n')}\n`
}

function specs(command: Command): string[] {
  const options = Object.entries(optionsOf(command)).map(([name, option]) => optionSpec(name, option))
  const places = argumentsOf(command).map(({ name, values, repeats }, i) => `${repeats ? '*' : i + 1}:${name}:${action(values)}`)
  return [...options, ...places]
}

function optionSpec(name: string, option: Option): string {
  const says = option.says.replaceAll(/[[\]:\\]/g, String.raw`\\$&`)
  return option.type === 'boolean' ? `--${name}[${says}]` : `--${name}=[${says}]:${option.value ?? name}:${action(valuesOf(option))}`
}

function action(values: Values): string {
  if (values === undefined) return ' '
  if (values === 'directory') return '_files -/'
  return values === 'file' ? '_files' : `(${values.join(' ')})`
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
