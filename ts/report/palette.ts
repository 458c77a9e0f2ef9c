/** The colours of the report: CSS variables on the page, put in by value where a picture stands alone. */

const light = {
  paper: '#ffffff',
  panel: '#f5f7f9',
  ink: '#1b1f24',
  muted: '#57606a',
  grid: '#dfe3e8',
  fw: '#0062ab',
  bw: '#c2410c',
  c1: '#00735a',
  c2: '#8e3f94',
  c3: '#7a5f00',
  c4: '#3f47b3',
  c5: '#a8285f',
  c6: '#11697a',
  reference: '#7f8893',
  good: '#0a6b3d',
  unsure: '#8a4b00',
}

const dark: Record<Colour, string> = {
  paper: '#14171b',
  panel: '#1d2126',
  ink: '#e9ecef',
  muted: '#a6afb9',
  grid: '#363c44',
  fw: '#62b6f7',
  bw: '#ff9466',
  c1: '#43d1a4',
  c2: '#d9a0dd',
  c3: '#e0c04d',
  c4: '#a9adff',
  c5: '#ff91bb',
  c6: '#74d3e3',
  reference: '#8b949e',
  good: '#5fd394',
  unsure: '#f0b35c',
}

export type Colour = keyof typeof light

/** `var(--fw)` */
export const colour = (name: Colour): string => `var(--${name})`

const declarations = (colours: Record<Colour, string>) =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}:${value};`)
    .join('')

export const colourStyle = `:root{color-scheme:light dark;${declarations(light)}}
@media (prefers-color-scheme:dark){:root{${declarations(dark)}}}
@media print{:root{color-scheme:light;${declarations(light)}}}`

/** The same drawing in the light colours, with no variables. */
export function withLightColours(svg: string): string {
  return svg.replace(/var\(--([a-z0-9]+)\)/g, (_, name: string) => {
    const value = light[name as Colour]
    if (value === undefined) throw new Error(`no colour is named ${name}`)
    return value
  })
}

/** Series that are told apart by more than their colour. */
export interface Look {
  colour: string
  symbol: 'circle' | 'square' | 'triangle' | 'diamond' | 'star' | 'wye' | 'cross'
  /** Of the line, as in SVG; undefined: solid. */
  dash?: string | undefined
}

const colours = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'] as const
const symbols = ['triangle', 'diamond', 'star', 'wye', 'cross', 'circle', 'square'] as const
const dashes = [undefined, '8 3', '3 3', '8 3 2 3'] as const

/** Of series by their index: no two of the first 42 are alike. */
export function lookOf(index: number): Look {
  const at = <Value>(list: readonly Value[]) => list[index % list.length] as Value
  return { colour: colour(at(colours)), symbol: at(symbols), dash: at(dashes) }
}

/** Of a direction in a comparison: forward and backward are the same everywhere. */
export function directionLook(direction: string, directions: readonly string[]): Look {
  if (direction === 'forward') return { colour: colour('fw'), symbol: 'circle' }
  if (direction === 'backward') return { colour: colour('bw'), symbol: 'square', dash: '7 3' }
  return lookOf(directions.filter((name) => name !== 'forward' && name !== 'backward').indexOf(direction))
}
