// What nearly every test here includes; precompiled (see ../meson.build), so it has no guard and nobody includes it.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "delay_world.hpp"
#include "lab.hpp"
#include "twins.hpp"
