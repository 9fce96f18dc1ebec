class Shipment < ActiveRecord::Base
  self.table_name = "shipment"
end
