// Runs the policies of github.com/pulumi/compliance-policies over resources, without an engine.
//
// Usage: NODE_PATH=<folder with typescript> node compliance.cjs CHECKOUT FOLDER
// FOLDER has one folder per case, with resources.json. Prints the violations of each case as JSON.
"use strict";
const fs = require("fs");
const path = require("path");
const Module = require("module");
const ts = require("typescript");

const [checkout, folder] = process.argv.slice(2);
const policies = [];

// A class of an SDK, as its token: the policies only compare types.
function sdk(parts) {
    return new Proxy(function () {}, {
        get: (_, name) => (name === "parts" ? parts : name === "default" || name === "__esModule" ? undefined : sdk([...parts, name])),
    });
}

function token(parts) {
    const [root, ...rest] = parts;
    const name = rest.pop();
    if (root === "kubernetes") return `kubernetes:${rest.join("/")}:${name}`;
    return `${root}:${rest.join("/")}/${name[0].toLowerCase()}${name.slice(1)}:${name}`;
}

const stubs = {
    "@pulumi/policy": { validateResourceOfType: (class_, check) => ({ class_, check }) },
    "@pulumi/compliance-policy-manager": {
        valToBoolean: (value) => (value === undefined ? undefined : String(value) === "true"),
        policyManager: {
            policyConfigSchema: {},
            shouldEvalPolicy: () => true,
            registerPolicy: (entry) => (policies.push(entry.resourceValidationPolicy), entry.resourceValidationPolicy),
        },
    },
};
const load = Module._load;
Module._load = function (request, ...rest) {
    if (request in stubs) return stubs[request];
    const match = /^@pulumi\/(aws|kubernetes|pulumi)(?:\/(.*))?$/.exec(request);
    return match ? sdk([match[1], ...(match[2] ? match[2].split("/") : [])]) : load.call(this, request, ...rest);
};
require.extensions[".ts"] = (module, file) => {
    const options = { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2020, esModuleInterop: true } };
    module._compile(ts.transpileModule(fs.readFileSync(file, "utf8"), options).outputText, file);
};

function walk(place) {
    for (const entry of fs.readdirSync(place, { withFileTypes: true })) {
        const file = path.join(place, entry.name);
        if (entry.isDirectory()) walk(file);
        else if (file.endsWith(".ts") && entry.name !== "index.ts") require(file);
    }
}
walk(path.resolve(checkout, "vendor-aws", "aws"));
walk(path.resolve(checkout, "vendor-kubernetes", "kubernetes"));

const byType = new Map();
for (const policy of policies) {
    for (const { class_, check } of [policy.validateResource].flat()) {
        const type = token(class_.parts);
        byType.set(type, [...(byType.get(type) || []), { name: policy.name, check }]);
    }
}

const failed = {};
const errors = {};
for (const name of fs.readdirSync(folder)) {
    failed[name] = [];
    for (const resource of JSON.parse(fs.readFileSync(path.join(folder, name, "resources.json"), "utf8"))) {
        for (const { name: policy, check } of byType.get(resource.type) || []) {
            try {
                check(resource.inputs, { getConfig: () => ({}), opts: {}, type: resource.type }, () => failed[name].push([policy, resource.name]));
            } catch (error) {
                errors[`${policy}: ${error.message}`] = 1;
            }
        }
    }
}
const used = [...new Set(policies.map((policy) => policy.name))].length;
process.stdout.write(JSON.stringify({ policies: used, failed, errors: Object.keys(errors) }));
