/** What is plainly no UTF-8 text, by its first bytes: it would be read as garbage, without any error. */

export interface FileKind {
  /** `is compressed by gzip` */
  what: string
  cure: string
}

interface Signature extends FileKind {
  /** In hexadecimal; `..` is any byte. */
  begins: string
  /** Hexadecimal too: for a beginning that text might have by chance. */
  ends?: string
}

const compressed = (by: string, begins: string, command: string): Signature => ({
  what: `is compressed by ${by}`,
  cure: `unpack it with ${command}`,
  begins,
})

const binary = (kind: string, begins: string, ends?: string): Signature => ({
  what: `is ${kind}, not text`,
  cure: 'extract its text, or take it away',
  begins,
  ...(ends === undefined ? {} : { ends }),
})

const encoded = (encoding: string, begins: string): Signature => ({
  what: `is ${encoding}, not UTF-8`,
  cure: `convert it with iconv -f ${encoding.replace(/-?[LB]E$/, '')} -t UTF-8`,
  begins,
})

/** The longer byte order mark of UTF-32 comes before that of UTF-16, which it begins with. */
const signatures: Signature[] = [
  compressed('gzip', '1f8b08', 'gunzip -c'),
  compressed('zstd', '28b52ffd', 'zstd -dc'),
  compressed('bzip2', '425a68..314159265359', 'bunzip2 -c'),
  compressed('xz', 'fd377a585a00', 'xz -dc'),
  compressed('lz4', '04224d18', 'lz4 -dc'),
  compressed('zip', '504b0304', 'unzip'),
  compressed('7z', '377abcaf271c', '7z x'),
  binary('a PDF', '255044462d'),
  binary('an HDF5 file', '894844460d0a1a0a'),
  binary('a PNG image', '89504e470d0a1a0a'),
  binary('a Parquet file', '50415231', '50415231'),
  encoded('UTF-32LE', 'fffe0000'),
  encoded('UTF-32BE', '0000feff'),
  encoded('UTF-16LE', 'fffe'),
  encoded('UTF-16BE', 'feff'),
]

/** As many bytes of a file's beginning, and of its end, decide. */
export const headBytes = 16
export const tailBytes = 4

function beginsWith(bytes: Uint8Array, pattern: string): boolean {
  if (bytes.length < pattern.length / 2) return false
  for (let i = 0; i < pattern.length; i += 2) {
    const digits = pattern.slice(i, i + 2)
    if (digits !== '..' && bytes[i / 2] !== Number.parseInt(digits, 16)) return false
  }
  return true
}

/** What a file with this beginning is; null when it may be text. `tail` reads its last bytes, if they matter. */
export function kindOf(head: Uint8Array, tail: () => Uint8Array): FileKind | null {
  const found = signatures.find(
    ({ begins, ends }) => beginsWith(head, begins) && (ends === undefined || beginsWith(tail(), ends)),
  )
  return found === undefined ? null : { what: found.what, cure: found.cure }
}
