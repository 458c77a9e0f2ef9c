{
  # There is one build, CMakeLists.txt. This file lets node-gyp drive it, for tools that look for binding.gyp.
  "targets": [{
    "target_name": "aot",
    "type": "none",
    "actions": [{
      "action_name": "cmake",
      "message": "building with CMake",
      "inputs": ["CMakeLists.txt"],
      "outputs": ["<(PRODUCT_DIR)/.always"],
      "action": ["node", "<(module_root_dir)/node_modules/cmake-js/bin/cmake-js", "compile", "-d", "<(module_root_dir)"]
    }]
  }]
}
