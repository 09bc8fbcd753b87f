// Loads an export as nn~ does, with libtorch alone, and plays one method; see test_nn_loader.py.
//
//     nn_loader EXPORT METHOD BATCH BUFFER FLAT IN OUT [ATTRIBUTE=VALUE ...]
//
// IN, OUT : float32, (batch, channels, samples); FLAT is 1 to run the code as it is, without the optimiser
// Prints a line for each method, `name in_channels in_ratio out_channels out_ratio`, and for each attribute.

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

static std::vector<int64_t> params(torch::jit::Module& model, const std::string& method) {
    at::Tensor found = model.attr(method + "_params").toTensor().to(at::kLong);
    return {found.data_ptr<int64_t>(), found.data_ptr<int64_t>() + found.numel()};
}

static std::vector<std::string> words(torch::jit::Module& model, const char* getter) {
    std::vector<std::string> found;
    for (const c10::IValue& word : model.get_method(getter)({}).toListRef()) found.push_back(word.toStringRef());
    return found;
}

// The number of a message, as the attribute's type: 0 bool, 1 int, 2 float.
static c10::IValue number(torch::jit::Module& model, const std::string& name, double value) {
    switch (params(model, name)[0]) {
        case 0: return value != 0.0;
        case 1: return static_cast<int64_t>(value);
        default: return value;
    }
}

int main(int count, char** args) {
    if (count < 8) return 2;
    c10::InferenceMode guard;
    torch::jit::Module model = torch::jit::load(args[1]);
    model.eval();
    torch::jit::setGraphExecutorOptimize(std::string(args[5]) == "0");
    const std::string method = args[2];
    const int64_t batch = std::atoll(args[3]), buffer = std::atoll(args[4]);
    for (const std::string& name : words(model, "get_methods")) {
        std::cout << "method " << name;
        for (int64_t n : params(model, name)) std::cout << ' ' << n;
        std::cout << '\n';
    }
    for (int i = 8; i < count; i++) {
        const std::string word = args[i], name = word.substr(0, word.find('='));
        const double value = std::atof(word.c_str() + name.size() + 1);
        if (model.get_method("set_" + name)({number(model, name, value)}).toInt() != 0) return 3;
    }
    for (const std::string& name : words(model, "get_attributes"))
        std::cout << "attribute " << name << ' ' << model.get_method("get_" + name)({}) << '\n';

    std::ifstream in(args[6], std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    const std::vector<int64_t> shape = params(model, method);  // channels and ratio in, channels and ratio out
    const int64_t samples = static_cast<int64_t>(bytes.size() / sizeof(float)) / (batch * shape[0]);
    at::Tensor sound = at::from_blob(bytes.data(), {batch, shape[0], samples}, at::kFloat);
    std::vector<at::Tensor> parts;
    for (int64_t at = 0; at < samples; at += buffer) {
        at::Tensor x = sound.slice(2, at, at + buffer).reshape({batch, shape[0], -1, shape[1]}).select(-1, -1);
        at::Tensor y = model.get_method(method)({x}).toTensor();
        parts.push_back(y.repeat_interleave(shape[3]).reshape({batch, shape[2], -1}));
    }
    const at::Tensor held = at::cat(parts, 2).contiguous();
    std::ofstream(args[7], std::ios::binary)
        .write(reinterpret_cast<const char*>(held.data_ptr<float>()), held.numel() * sizeof(float));
}
