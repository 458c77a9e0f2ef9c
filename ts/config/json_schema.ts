/** configs/config.schema.json: what editors check a config by while it is written. */
import { z } from 'zod'
import { isObject, type JsonObject } from './jsonc.js'
import { olderNames } from './legacy.js'
import { configSchemas, models } from './schema.js'

/** One schema for every model: `model` decides which model_params is the right one. */
export function configJsonSchema(): string {
  const [byDefault] = models
  const common = schemaOf(byDefault)
  const properties = common.properties as Record<string, JsonObject>
  const { description } = properties.model as JsonObject
  const schema = {
    ...common,
    properties: {
      ...properties,
      model: { description, default: byDefault, enum: models },
      model_params: { description: properties.model_params?.description, type: 'object' },
    },
    // A missing model is the default: its condition holds for a config without the key too.
    allOf: models.map((model) => ({
      if: { properties: { model: { const: model } }, ...(model === byDefault ? {} : { required: ['model'] }) },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
      then: { properties: { model_params: (schemaOf(model).properties as JsonObject).model_params } },
    })),
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}

function schemaOf(model: keyof typeof configSchemas): JsonObject {
  const schema = z.toJSONSchema(configSchemas[model], { io: 'input' }) as JsonObject
  return { ...schema, properties: withOlderNames(schema.properties as JsonObject) }
}

/** Older names are right too; editors strike them through (deprecated) and do not offer them (deprecationMessage). */
function withOlderNames(properties: JsonObject): JsonObject {
  const sections = { ...properties }
  for (const { section, older, name } of olderNames) {
    const { properties: keys, required, ...others } = sections[section] as JsonObject & { properties: JsonObject }
    const key = keys[name]
    if (!isObject(key)) continue
    const description = `Older name of ${name}.`
    const isRequired = Array.isArray(required) && required.includes(name)
    sections[section] = {
      ...others,
      properties: { ...keys, [older]: { ...key, description, deprecated: true, deprecationMessage: description } },
      ...(isRequired
        ? {
            required: required.filter((one) => one !== name),
            anyOf: [{ required: [name] }, { required: [older] }],
          }
        : { required }),
    }
  }
  return sections
}
