# What a Rails application has around the recipe.
require "logger"
require "rails"
require "active_record/railtie"
require "action_controller/railtie"

class Shop < Rails::Application
  config.root = __dir__
  config.api_only = true
  config.eager_load = true
  config.consider_all_requests_local = false
  config.secret_key_base = "0" * 64
  config.logger = Logger.new($stdout)
end

Shop.initialize!
Shop.routes.draw { post "/webhooks", to: "webhooks#create" }
run Shop
