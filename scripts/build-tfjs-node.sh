#!/usr/bin/env bash
# Build the native addon of @tensorflow/tfjs-node (or @tensorflow/tfjs-node-gpu)
# without that package's own install script.
#
# The npm package holds the addon's C++ sources, but not the TensorFlow C library
# they link with. TensorFlow's Python wheels hold that library and its headers
# (libtensorflow_cc and libtensorflow_framework export the whole C API), so this
# script
#   1. has pip download one TensorFlow wheel (nothing is installed in Python),
#   2. takes the two libraries and the headers out of it,
#   3. compiles the addon's sources with g++,
#   4. writes into the package folder:
#        deps/include                        headers
#        deps/lib                            libtensorflow*.so*
#        lib/napi-v<N>/tfjs_binding.node     the addon,
#   5. loads the package in Node and runs one operation.
#
# Linux only. Needs node with its C headers, g++ and python3 with pip, and about
# 1 GB of disk in the package folder while it works (650 MB after).
#
# First, in the project:
#   npm install --ignore-scripts @tensorflow/tfjs-node@4.22.0
# then:
#   build-tfjs-node.sh --package-dir node_modules/@tensorflow/tfjs-node

set -euo pipefail

usage() {
  cat <<'USAGE'
usage: build-tfjs-node.sh --package-dir DIR [options]

  --package-dir DIR     the installed @tensorflow/tfjs-node or tfjs-node-gpu
  --tensorflow VERSION  TensorFlow version to take the library from (default 2.16.2)
  --wheel NAME          PyPI package to take it from (default tensorflow-cpu on
                        x64, tensorflow elsewhere; tensorflow on x64 is the one
                        with GPU support, which also needs CUDA's libraries)
  --cache-dir DIR       keep the downloaded wheel here and use it again
  --node-headers DIR    folder that holds node_api.h (default: looked for)
  --force               build again even if this version is already in place
  --no-check            do not load the package at the end
USAGE
}

die() { printf 'build-tfjs-node: %s\n' "$*" >&2; exit 1; }
say() { printf 'build-tfjs-node: %s\n' "$*" >&2; }

package_dir=
tensorflow_version=2.16.2
wheel_name=
cache_dir=
node_headers=
force=0
check=1

while [ $# -gt 0 ]; do
  case "$1" in
    --package-dir|--tensorflow|--wheel|--cache-dir|--node-headers)
      [ $# -ge 2 ] && [ -n "$2" ] || die "$1 needs a value."
      case "$1" in
        --package-dir)  package_dir=$2 ;;
        --tensorflow)   tensorflow_version=$2 ;;
        --wheel)        wheel_name=$2 ;;
        --cache-dir)    cache_dir=$2 ;;
        --node-headers) node_headers=$2 ;;
      esac
      shift 2 ;;
    --force)    force=1; shift ;;
    --no-check) check=0; shift ;;
    -h|--help)  usage; exit 0 ;;
    *) usage >&2; die "unknown argument '$1'." ;;
  esac
done

# ---- What must be there -----------------------------------------------------

[ "$(uname -s)" = Linux ] || die "this script builds on Linux only."
[ -n "$package_dir" ] || { usage >&2; die "--package-dir is required."; }
[ -d "$package_dir" ] || die "there is no folder '$package_dir'."
package_dir=$(cd "$package_dir" && pwd -P)
[ -f "$package_dir/binding/tfjs_binding.cc" ] ||
  die "'$package_dir' is not an installed @tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu (it has no binding/tfjs_binding.cc)."

command -v node >/dev/null || die "node was not found; install Node.js."
command -v g++ >/dev/null || die "g++ was not found; install a C++17 compiler (Debian: apt-get install g++)."
command -v python3 >/dev/null || die "python3 was not found; it is needed to download and unpack the TensorFlow wheel."
python3 -m pip --version >/dev/null 2>&1 ||
  die "python3 has no pip; install it (Debian: apt-get install python3-pip)."

if [ -z "$wheel_name" ]; then
  case "$(uname -m)" in
    x86_64) wheel_name=tensorflow-cpu ;;
    *)      wheel_name=tensorflow ;;
  esac
fi

# Node's headers lie beside the node program, or where node-gyp has put them.
find_node_headers() {
  local exe prefix version dir
  exe=$(node -p 'process.execPath')
  prefix=$(dirname "$(dirname "$exe")")
  version=$(node -p 'process.versions.node')
  for dir in \
    "$prefix/include/node" \
    "${npm_config_nodedir:-$prefix}/include/node" \
    "${XDG_CACHE_HOME:-${HOME:-}/.cache}/node-gyp/$version/include/node" \
    "$prefix/include/nodejs/src"; do
    if [ -f "$dir/node_api.h" ]; then printf '%s\n' "$dir"; return 0; fi
  done
  return 1
}
if [ -n "$node_headers" ]; then
  [ -f "$node_headers/node_api.h" ] || die "'$node_headers' holds no node_api.h."
else
  node_headers=$(find_node_headers) ||
    die "Node's C headers (node_api.h) were not found; install them (npx node-gyp install) or name their folder with --node-headers."
fi

# The package looks for its addon under the highest Node-API version that both
# it and the running Node know: ask the finder that the package itself uses.
addon=$(cd "$package_dir" && node -e '
  const path = require("path");
  console.log(require("@mapbox/node-pre-gyp").find(path.resolve("package.json")));
' 2>/dev/null) ||
  die "the package's dependency @mapbox/node-pre-gyp is not installed; run npm install --ignore-scripts in the project."
napi_version=$(basename "$(dirname "$addon")")
napi_version=${napi_version#napi-v}

# ---- Already built? ---------------------------------------------------------

lib_dir=$package_dir/deps/lib
include_dir=$package_dir/deps/include
stamp=$package_dir/deps/built-from
wanted="$wheel_name $tensorflow_version $(uname -m)"

load_check() {
  # A fresh process: the addon loads, its backend is chosen, a product is right.
  (cd "$package_dir" && TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}" node -e '
    const tf = require("./dist/index.js");
    const got = tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync()[0];
    if (tf.getBackend() !== "tensorflow" || got !== 11) {
      throw new Error("backend " + tf.getBackend() + ", 1*3+2*4 = " + got);
    }
  ' >&2) || die "the addon was built, but the package does not work with it (the error is above)."
}

if [ "$force" = 0 ] && [ -f "$addon" ] && [ -f "$stamp" ] &&
   [ "$(cat "$stamp")" = "$wanted" ] && [ -f "$lib_dir/libtensorflow_cc.so.2" ]; then
  say "already built from $wheel_name $tensorflow_version."
  [ "$check" = 0 ] || load_check
  exit 0
fi

# ---- Get the wheel ----------------------------------------------------------

# Work inside the package folder, so that the last step is a rename on one disk.
work=$(mktemp -d "$package_dir/.build-XXXXXX")
trap 'rm -rf "$work"' EXIT
if [ -n "$cache_dir" ]; then
  mkdir -p "$cache_dir" || die "cannot make the cache folder '$cache_dir'."
  wheel_dir=$(cd "$cache_dir" && pwd -P)
else
  wheel_dir=$work/wheel
  mkdir -p "$wheel_dir"
fi

find_wheel() {
  # A wheel's file name has the package's name with '_' for '-'.
  find "$wheel_dir" -maxdepth 1 -name "${wheel_name//-/_}-$tensorflow_version-*$(uname -m).whl" | sort | head -n 1
}
wheel=$(find_wheel)
if [ -z "$wheel" ]; then
  say "downloading $wheel_name $tensorflow_version (200 to 600 MB) ..."
  # The library does not depend on the Python version, but pip offers only the
  # wheels for the Python that runs it unless told which one: try that one, then
  # the versions that TensorFlow has wheels for.
  for python_version in "" 3.11 3.10 3.12 3.9; do
    choice=()
    [ -z "$python_version" ] || choice=(--python-version "$python_version")
    if python3 -m pip download --quiet --disable-pip-version-check \
         --no-deps --only-binary=:all: "${choice[@]}" \
         --dest "$wheel_dir" "$wheel_name==$tensorflow_version" 2>>"$work/pip.log"; then
      break
    fi
  done
  wheel=$(find_wheel)
  if [ -z "$wheel" ]; then
    tail -n 1 "$work/pip.log" >&2
    die "pip could not download $wheel_name $tensorflow_version for $(uname -m) (its last line is above)."
  fi
fi

# ---- Take the libraries and the headers out of it ---------------------------

say "unpacking $(basename "$wheel") ..."
python3 - "$wheel" "$work/unpacked" <<'PYTHON' || die "the wheel '$wheel' could not be unpacked; delete it and try again."
import sys, zipfile
wheel, target = sys.argv[1:]
wanted = (
    'tensorflow/libtensorflow_cc.so.2',
    'tensorflow/libtensorflow_framework.so.2',
    # What the C API's headers include; tsl has moved between versions.
    'tensorflow/include/tensorflow/c/',
    'tensorflow/include/tensorflow/core/platform/',
    'tensorflow/include/tensorflow/tsl/',
    'tensorflow/include/tsl/',
    'tensorflow/include/xla/tsl/',
    'tensorflow/include/external/local_tsl/',
    'tensorflow/include/external/local_xla/xla/tsl/',
)
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.startswith(wanted) and not name.endswith('/'):
            archive.extract(name, target)
PYTHON
unpacked=$work/unpacked/tensorflow
for file in libtensorflow_cc.so.2 libtensorflow_framework.so.2 include/tensorflow/c/eager/c_api.h; do
  [ -f "$unpacked/$file" ] ||
    die "$wheel_name $tensorflow_version does not hold $file; choose another version with --tensorflow."
done

mkdir -p "$work/deps/lib"
mv "$unpacked/libtensorflow_cc.so.2" "$unpacked/libtensorflow_framework.so.2" "$work/deps/lib/"
mv "$unpacked/include" "$work/deps/include"
# The names that the package's own binding.gyp asks for.
ln -s libtensorflow_cc.so.2 "$work/deps/lib/libtensorflow.so"
ln -s libtensorflow_framework.so.2 "$work/deps/lib/libtensorflow_framework.so"

# ---- Compile ----------------------------------------------------------------

say "compiling ..."
include=$work/deps/include
# The addon finds the libraries from its own place: lib/napi-vN -> deps/lib.
# Node's own napi_* functions are not there at link time, so the linker cannot
# be told to refuse missing names; "-z now" has them all resolved when the addon
# is loaded, so a C API function that this TensorFlow lacks shows at the check
# below and not in the middle of a run.
g++ -shared -fPIC -O2 -std=c++17 -fvisibility=hidden -w \
  -DNAPI_VERSION="$napi_version" -DBUILDING_NODE_EXTENSION \
  -I"$node_headers" -I"$include" \
  -I"$include/external/local_tsl" -I"$include/external/local_xla" \
  "$package_dir"/binding/*.cc \
  -L"$work/deps/lib" -ltensorflow -ltensorflow_framework \
  -Wl,-z,now -Wl,-rpath,'$ORIGIN/../../deps/lib' \
  -o "$work/tfjs_binding.node" ||
  die "g++ could not build the addon against TensorFlow $tensorflow_version (its errors are above)."

# ---- Put in place -----------------------------------------------------------

rm -f "$stamp"
mkdir -p "$package_dir/deps" "$(dirname "$addon")"
rm -rf "$lib_dir" "$include_dir"
mv "$work/deps/lib" "$lib_dir"
mv "$work/deps/include" "$include_dir"
mv -f "$work/tfjs_binding.node" "$addon"
printf '%s\n' "$wanted" >"$stamp"

[ "$check" = 0 ] || load_check
say "built ${addon#"$package_dir"/} with TensorFlow $tensorflow_version."
