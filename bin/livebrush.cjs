#!/usr/bin/env node
// Each network input and each stuck output holds a thread of libuv's pool, whose four would soon be gone. The pool
// takes its size at its first use, which loading an ES module is: this file is CommonJS to come before it.
process.env.UV_THREADPOOL_SIZE ??= '32';
// As src/models/engines/telemetry.ts, for whatever else may load ONNX Runtime.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
import('../dist/main.js');
