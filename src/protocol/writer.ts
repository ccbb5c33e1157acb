// Writes Kafka's primitive types into a list of buffers for one vectored write. Small values go into chunks; large
// byte fields (record batches) are put into the list as they are, without copying.

/** Bytes from this size on are referenced rather than copied. */
const referencedBytesMin = 1024;
const firstChunkBytes = 512;
const chunkBytesMax = 64 * 1024;

export class Writer {
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #chunk: Buffer;
  /** Where the part of the chunk begins that is not in `#parts` yet. */
  #from = 0;
  #position = 0;

  constructor() {
    this.#chunk = Buffer.allocUnsafe(firstChunkBytes);
  }

  get sizeBytes(): number {
    return this.#partsBytes + this.#position - this.#from;
  }

  /** Everything written, in order. */
  finish(): Buffer[] {
    this.#cut();
    return this.#parts;
  }

  int8(value: number): void {
    this.#reserve(1);
    this.#chunk.writeInt8(value, this.#position);
    this.#position += 1;
  }

  int16(value: number): void {
    this.#reserve(2);
    this.#chunk.writeInt16BE(value, this.#position);
    this.#position += 2;
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#chunk.writeUInt16BE(value, this.#position);
    this.#position += 2;
  }

  int32(value: number): void {
    this.#reserve(4);
    this.#chunk.writeInt32BE(value, this.#position);
    this.#position += 4;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#chunk.writeUInt32BE(value, this.#position);
    this.#position += 4;
  }

  int64(value: bigint): void {
    this.#reserve(8);
    this.#chunk.writeBigInt64BE(value, this.#position);
    this.#position += 8;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#chunk.writeDoubleBE(value, this.#position);
    this.#position += 8;
  }

  uvarint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#chunk[this.#position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#chunk[this.#position++] = rest;
  }

  bytes(value: Uint8Array): void {
    if (value.length >= referencedBytesMin) {
      this.#cut();
      this.#parts.push(asBuffer(value));
      this.#partsBytes += value.length;
      return;
    }
    this.#reserve(value.length);
    this.#chunk.set(value, this.#position);
    this.#position += value.length;
  }

  text(value: string, lengthBytes: number): void {
    this.#reserve(lengthBytes);
    this.#chunk.write(value, this.#position, 'utf8');
    this.#position += lengthBytes;
  }

  /** Appends what another writer wrote. */
  append(parts: readonly Buffer[]): void {
    for (const part of parts) this.bytes(part);
  }

  #reserve(sizeBytes: number): void {
    if (this.#position + sizeBytes <= this.#chunk.length) return;
    this.#cut();
    const nextBytes = Math.max(Math.min(this.#chunk.length * 2, chunkBytesMax), sizeBytes);
    this.#chunk = Buffer.allocUnsafeSlow(nextBytes);
    this.#from = 0;
    this.#position = 0;
  }

  #cut(): void {
    if (this.#position === this.#from) return;
    this.#parts.push(this.#chunk.subarray(this.#from, this.#position));
    this.#partsBytes += this.#position - this.#from;
    this.#from = this.#position;
  }
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
