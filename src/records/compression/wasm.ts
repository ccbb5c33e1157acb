// The compressors in WebAssembly, several MB: loaded when something is compressed for the first time, or a link begins.
import { createRequire } from 'node:module';

type WasmUtils = typeof import('@platformatic/wasm-utils');

let loaded: WasmUtils | undefined;

export function wasmUtils(): WasmUtils {
  loaded ??= createRequire(import.meta.url)('@platformatic/wasm-utils') as WasmUtils;
  return loaded;
}
