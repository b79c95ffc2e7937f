# A project configured, built, tested and installed by cmake.
mkdir -p src
cat > src/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.20)
project(small C)
include(CheckFunctionExists)
check_function_exists(getrandom HAVE_GETRANDOM)
add_library(part SHARED part.c)
add_executable(main main.c)
target_link_libraries(main part)
enable_testing()
add_test(NAME runs COMMAND main)
install(TARGETS main part)
END
echo 'int part(void) { return 42; }' > src/part.c
cat > src/main.c <<'END'
#include <stdio.h>
int part(void);
int main(void) { printf("%d\n", part()); return part() != 42; }
END
cmake -S src -B out > log 2>&1 || { cat log; exit 1; }
grep -c 'Looking for getrandom - found' log
cmake --build out -j2 > log 2>&1 || { cat log; exit 1; }
ctest --test-dir out 2>&1 | grep 'tests passed'
cmake --install out --prefix "$PWD/inst" > /dev/null
inst/bin/main || LD_LIBRARY_PATH=inst/lib inst/bin/main
